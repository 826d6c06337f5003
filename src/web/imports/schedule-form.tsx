import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import {
  ConfigureSyncDocument,
  ScheduleDocument,
  type ScheduleQuery,
} from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { formatTime } from '../format.ts';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';

const words = texts.imports.schedule;

/** When Sidecar fetches the export by itself, and from where. */
export function Schedule() {
  const schedule = useQuery({
    queryKey: ['schedule'],
    queryFn: ({ signal }) => ask(ScheduleDocument, {}, signal),
  });
  return (
    <section className="card stack" aria-labelledby="schedule">
      <h2 id="schedule">{words.title}</h2>
      <p className="muted">{words.text}</p>
      {schedule.isPending && <Loading lines={2} />}
      {schedule.isError && <Failure error={schedule.error} retry={() => void schedule.refetch()} />}
      {schedule.data && <Form config={schedule.data.syncConfig} />}
    </section>
  );
}

function Form({ config }: { config: ScheduleQuery['syncConfig'] }) {
  const queries = useQueryClient();
  const [enabled, setEnabled] = useState(config.enabled);
  const [url, setUrl] = useState('');
  const [hours, setHours] = useState(String(config.frequencyHours));
  const save = useMutation({
    mutationFn: async () => {
      const input = {
        enabled,
        frequencyHours: Number(hours),
        ...(url.trim() ? { exportUrl: url.trim() } : {}),
      };
      const saved = orThrow((await ask(ConfigureSyncDocument, { input })).configureSync);
      queries.setQueryData<ScheduleQuery>(['schedule'], { syncConfig: saved });
      setUrl('');
    },
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <div className="field">
        <label htmlFor="schedule-url">{texts.imports.url}</label>
        <input
          id="schedule-url"
          className="input"
          type="url"
          autoComplete="off"
          value={url}
          onChange={(event) => setUrl(event.target.value)}
          aria-describedby="schedule-url-hint"
        />
        <p id="schedule-url-hint" className="small muted">
          {config.hasExportUrl ? words.keepUrl : texts.imports.urlHint}
        </p>
      </div>
      <div className="row">
        <label className="row">
          <input type="checkbox" checked={enabled} onChange={(event) => setEnabled(event.target.checked)} />
          {words.enabled}
        </label>
        <label className="row">
          {words.every}
          <input
            className="input schedule-hours"
            type="number"
            min={1}
            max={720}
            required
            value={hours}
            onChange={(event) => setHours(event.target.value)}
          />
          {words.hours}
        </label>
      </div>
      {config.pauseReason && <p className="notice warning">{config.pauseReason}</p>}
      {config.lastFailure && <p className="small muted">{words.failed(config.lastFailure)}</p>}
      <FailureNotice error={save.error} />
      <div className="row">
        <button type="submit" className="button" disabled={save.isPending}>
          {words.save}
        </button>
        <p className="small muted" role="status">
          {save.isSuccess && words.saved} {config.nextSyncAt && words.next(formatTime(config.nextSyncAt))}{' '}
          {config.lastSyncAt && words.last(formatTime(config.lastSyncAt))}
        </p>
      </div>
    </form>
  );
}
