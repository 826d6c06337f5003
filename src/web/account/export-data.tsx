import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import {
  CancelExportDocument,
  ExportMyDataDocument,
  ExportProgressDocument,
  type ExportTaskFragment,
  ExportTasksDocument,
  type ExportTasksQuery,
} from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { useSubscription } from '../api/subscription.ts';
import { formatBytes, formatTime } from '../format.ts';
import { FailureNotice } from '../parts/failure.tsx';
import { LeavingButton } from '../parts/leaving-button.tsx';
import { ProgressBar } from '../parts/progress-bar.tsx';
import { texts } from '../texts/index.ts';

const words = texts.account.export;
const KEY = ['export-tasks'];

/** Everything as a zip, made by a task that one can watch. */
export function ExportData() {
  const queries = useQueryClient();
  const keep = (node: ExportTaskFragment) =>
    queries.setQueryData<ExportTasksQuery>(KEY, { backgroundTasks: { edges: [{ node }] } });
  const tasks = useQuery({ queryKey: KEY, queryFn: ({ signal }) => ask(ExportTasksDocument, {}, signal) });
  const task = tasks.data?.backgroundTasks.edges[0]?.node;
  const isRunning = task?.status === 'QUEUED' || task?.status === 'RUNNING';
  useSubscription(ExportProgressDocument, isRunning ? { id: task.id } : null, ({ backgroundTask }) =>
    keep(backgroundTask),
  );
  const make = useMutation({
    mutationFn: async () => {
      keep(orThrow((await ask(ExportMyDataDocument, {})).exportMyData));
      await queries.invalidateQueries({ queryKey: ['audit-log'] });
    },
  });
  const cancel = useMutation({
    mutationFn: async (id: string) =>
      keep(orThrow((await ask(CancelExportDocument, { id })).cancelBackgroundTask)),
  });
  return (
    <section className="card stack" aria-labelledby="export">
      <h2 id="export">{words.title}</h2>
      <p className="muted">{words.text}</p>
      <FailureNotice error={make.error ?? cancel.error} />
      {isRunning && (
        <>
          <ProgressBar fraction={task.progress.fraction ?? 0} label={words.making} />
          <p className="small muted" role="status">
            {words.making}
          </p>
        </>
      )}
      {task?.error && <p className="notice danger">{task.error.message}</p>}
      {task?.status === 'CANCELLED' && <p className="muted">{words.cancelled}</p>}
      <div className="row" tabIndex={-1}>
        {task?.downloadUrl && (
          <>
            <a className="button primary" href={task.downloadUrl} download={task.fileName ?? ''}>
              <Download size={16} aria-hidden="true" /> {words.download(formatBytes(task.fileBytes ?? 0))}
            </a>
            <span className="small muted">{words.until(formatTime(task.expiresAt))}</span>
          </>
        )}
        {isRunning ? (
          <LeavingButton className="button" busy={cancel.isPending} onClick={() => cancel.mutate(task.id)}>
            {words.stop}
          </LeavingButton>
        ) : (
          <LeavingButton className="button" busy={make.isPending} onClick={() => make.mutate()}>
            {task?.downloadUrl ? words.again : words.make}
          </LeavingButton>
        )}
      </div>
    </section>
  );
}
