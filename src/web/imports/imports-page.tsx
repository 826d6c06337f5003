import { Inbox } from 'lucide-react';
import { Failure } from '../parts/failure.tsx';
import { HowToExport } from '../parts/how-to-export.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { Schedule } from './schedule-form.tsx';
import { TaskCard } from './task-card.tsx';
import { UploadPanel } from './upload-panel.tsx';
import { UrlForm } from './url-form.tsx';
import { isOver, useTasks } from './use-tasks.ts';
import './imports.css';

const words = texts.imports;

/** Bringing an export in, by any way, and watching it arrive. */
export default function ImportsPage() {
  const { tasks, history, live, learn } = useTasks();
  const running = tasks.filter((task) => !isOver(task));
  const past = tasks.filter(isOver);
  return (
    <div className="page stack imports">
      <header>
        <h1>{words.title}</h1>
        <p className="muted">{words.lead}</p>
      </header>
      {running.length > 0 && (
        <section className="stack" aria-labelledby="running">
          <h2 id="running">{words.now}</h2>
          <div role="status">
            {live.state === 'lost' && <p className="notice warning">{words.reconnecting}</p>}
          </div>
          {running.map((task) => (
            <TaskCard key={task.id} task={task} learn={learn} />
          ))}
        </section>
      )}
      <UploadPanel isImporting={running.length > 0} />
      <UrlForm learn={learn} />
      {history.isSuccess && tasks.length === 0 && <HowToExport />}
      <section className="stack" aria-labelledby="history">
        <h2 id="history">{words.history}</h2>
        {history.isPending && <Loading lines={3} height="7rem" />}
        {history.isError && <Failure error={history.error} retry={() => void history.refetch()} />}
        {history.isSuccess && past.length === 0 && (
          <div className="state">
            <Inbox size={32} aria-hidden="true" />
            <h3>{words.none.title}</h3>
            <p>{words.none.text}</p>
          </div>
        )}
        {past.map((task) => (
          <TaskCard key={task.id} task={task} learn={learn} />
        ))}
        {history.hasNextPage && (
          <button type="button" className="button" onClick={() => void history.fetchNextPage()}>
            {texts.shell.loadMore}
          </button>
        )}
      </section>
      <Schedule />
    </div>
  );
}
