import { useMutation } from '@tanstack/react-query';
import { useLayoutEffect, useRef, useState } from 'react';
import {
  CancelSyncDocument,
  RetrySyncDocument,
  type SyncStatus,
  type TaskFragment,
  UndoSyncDocument,
} from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { formatBytes, formatDuration, formatNumber, formatTime } from '../format.ts';
import { Confirm } from '../parts/confirm.tsx';
import { FailureNotice } from '../parts/failure.tsx';
import { LeavingButton } from '../parts/leaving-button.tsx';
import { ProgressBar } from '../parts/progress-bar.tsx';
import { texts } from '../texts/index.ts';
import { Problems, useHasProblems } from './problems.tsx';
import { isOver } from './use-tasks.ts';

const words = texts.imports;

const tones: Partial<Record<SyncStatus, string>> = {
  COMPLETED: 'good',
  PARTIAL: 'warning',
  FAILED: 'danger',
};

/** The import whose card had the keyboard when it was taken away: it comes again among those that are over, or that run. */
let left: string | null = null;

/** One import: how far it is, or how it ended, and what one can do about it. */
export function TaskCard({ task, learn }: { task: TaskFragment; learn: (task: TaskFragment) => void }) {
  const card = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const { current } = card;
    if (left === task.id) current?.focus({ preventScroll: true });
    return () => {
      if (!current?.contains(document.activeElement)) return;
      left = task.id;
      // What comes in its place is there by then.
      queueMicrotask(() => {
        left = null;
      });
    };
  }, [task.id]);
  const over = isOver(task);
  const hasProblems = useHasProblems(task, over);
  return (
    <article ref={card} tabIndex={-1} className="card stack task" aria-label={task.source}>
      <div className="row spread">
        <div>
          <h3>{task.source}</h3>
          <p className="small muted">
            {formatTime(task.createdAt)} · {words.triggers[task.trigger]}
            {task.attempt > 1 && ` · ${words.attempt(task.attempt)}`}
          </p>
        </div>
        <span className={`badge ${tones[task.status] ?? ''}`}>{words.statuses[task.status]}</span>
      </div>
      {!over && <Progress task={task} />}
      {task.error && <FailureText message={task.error.message} />}
      <Counts counts={task.counts} />
      <Actions task={task} learn={learn} />
      {hasProblems && <Problems taskId={task.id} />}
    </article>
  );
}

function Progress({ task: { phase, progress } }: { task: TaskFragment }) {
  const { conversationsDone, conversationsTotal, perSecond, etaSeconds, queuePosition } = progress;
  const facts = [
    phase === 'WAITING' && queuePosition !== null && words.queue(queuePosition),
    phase === 'DOWNLOADING' &&
      words.upload.progress(formatBytes(progress.bytesDone), formatBytes(progress.bytesTotal)),
    conversationsDone > 0 &&
      words.conversations(
        formatNumber(conversationsDone),
        conversationsTotal === null ? null : formatNumber(conversationsTotal),
      ),
    perSecond !== null &&
      perSecond > 0 &&
      (phase === 'DOWNLOADING'
        ? words.bytesPerSecond(formatBytes(perSecond))
        : words.perSecond(formatNumber(Math.round(perSecond)))),
    etaSeconds !== null && words.left(formatDuration(etaSeconds)),
  ].filter((fact) => typeof fact === 'string');
  return (
    <div className="stack task-progress">
      <div className="row spread">
        <strong aria-live="polite">{words.phases[phase]}</strong>
        <span className="task-percent">{Math.floor(progress.fraction * 100)} %</span>
      </div>
      <ProgressBar fraction={progress.fraction} label={words.phases[phase]} />
      <p className="small muted">{facts.join(' · ')}</p>
    </div>
  );
}

const FailureText = ({ message }: { message: string }) => (
  <div className="notice danger">
    <p>{message}</p>
  </div>
);

function Counts({ counts }: { counts: TaskFragment['counts'] }) {
  const shown = (Object.keys(words.counts) as (keyof typeof words.counts)[]).filter(
    (key) => counts[key] > 0 || key === 'added',
  );
  return (
    <dl className="counts">
      {shown.map((key) => (
        <div key={key}>
          <dt>{words.counts[key]}</dt>
          <dd>{formatNumber(counts[key])}</dd>
        </div>
      ))}
    </dl>
  );
}

function Actions({ task, learn }: { task: TaskFragment; learn: (task: TaskFragment) => void }) {
  const [undoing, setUndoing] = useState(false);
  const taskId = task.id;
  const cancel = useMutation({
    mutationFn: async () => learn(orThrow((await ask(CancelSyncDocument, { taskId })).cancelSync)),
  });
  const retry = useMutation({
    mutationFn: async () => learn(orThrow((await ask(RetrySyncDocument, { taskId })).retrySync)),
  });
  const undo = async () => learn(orThrow((await ask(UndoSyncDocument, { taskId })).undoSync));
  const { added, updated, failed } = task.counts;
  const over = isOver(task);
  const { status } = task;
  const retryWords =
    status === 'CANCELLED' || status === 'FAILED' || (status === 'PARTIAL' && failed > 0)
      ? words.retries[status]
      : null;
  const mayUndo = over && task.status !== 'UNDONE' && added + updated > 0;
  if (over && !retryWords && !mayUndo) return null;
  return (
    <>
      <FailureNotice error={cancel.error ?? retry.error} />
      <div className="row">
        {!over && (
          <LeavingButton className="button" busy={cancel.isPending} onClick={() => cancel.mutate()}>
            {words.cancel}
          </LeavingButton>
        )}
        {retryWords && (
          <LeavingButton className="button" busy={retry.isPending} onClick={() => retry.mutate()}>
            {retryWords}
          </LeavingButton>
        )}
        {mayUndo && (
          <button type="button" className="button" onClick={() => setUndoing(true)}>
            {words.undo}
          </button>
        )}
      </div>
      {undoing && (
        <Confirm
          title={words.undoTitle}
          action={words.undo}
          onConfirm={undo}
          onClose={() => setUndoing(false)}
        >
          <p>{words.undoText}</p>
        </Confirm>
      )}
    </>
  );
}
