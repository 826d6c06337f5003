import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ScheduleDocument, StartSyncDocument, type TaskFragment } from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { FailureNotice } from '../parts/failure.tsx';
import { texts } from '../texts/index.ts';

const words = texts.imports;

/** Has the server fetch an export from an address. */
export function UrlForm({ learn }: { learn: (task: TaskFragment) => void }) {
  const [url, setUrl] = useState('');
  const schedule = useQuery({
    queryKey: ['schedule'],
    queryFn: ({ signal }) => ask(ScheduleDocument, {}, signal),
  });
  const start = useMutation({
    mutationFn: async (exportUrl: string | null) => {
      const { startSync } = await ask(StartSyncDocument, { input: exportUrl ? { exportUrl } : null });
      learn(orThrow(startSync));
      setUrl('');
    },
  });
  return (
    <details className="card url-form">
      <summary>{words.fromUrl}</summary>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate(url.trim());
        }}
      >
        <div className="field">
          <label htmlFor="url">{words.url}</label>
          <input
            id="url"
            className="input"
            type="url"
            required
            autoComplete="off"
            value={url}
            onChange={(event) => setUrl(event.target.value)}
            aria-describedby="url-hint"
          />
          <p id="url-hint" className="small muted">
            {words.urlHint}
          </p>
        </div>
        <FailureNotice error={start.error} />
        <div className="row">
          <button type="submit" className="button primary" disabled={start.isPending}>
            {words.start}
          </button>
          {schedule.data?.syncConfig.hasExportUrl && (
            <button
              type="button"
              className="button"
              disabled={start.isPending}
              onClick={() => start.mutate(null)}
            >
              {words.startConfigured}
            </button>
          )}
        </div>
      </form>
    </details>
  );
}
