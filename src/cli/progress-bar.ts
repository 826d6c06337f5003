import type { Writable } from 'node:stream';
import { Presets, SingleBar } from 'cli-progress';

/** What the bar shows of the GraphQL type SyncTask. */
export interface TaskView {
  status: string;
  phase: string;
  progress: {
    /** 0 to 1. */
    fraction: number;
    bytesDone: number;
    bytesTotal: number | null;
    conversationsDone: number;
    conversationsTotal: number | null;
    /** Conversations, or bytes while downloading. */
    perSecond: number | null;
    etaSeconds: number | null;
    /** 0 for the next to run; null once it runs. */
    queuePosition: number | null;
  };
  counts: { added: number; updated: number; unchanged: number; skipped: number; failed: number };
}

export interface ProgressBar {
  update(task: TaskView): void;
  /** Leaves the last state on the screen. */
  stop(): void;
}

/** Where progress goes: a terminal is drawn on, anything else gets lines. */
export type ProgressStream = Writable & { isTTY?: boolean };

const plainIntervalMs = 2000;
/** cli-progress counts in whole steps. */
const barSteps = 1000;

/** Shows one task: a line that is redrawn on a terminal, and otherwise a line now and then, as logs want it. */
export function openProgressBar(stream: ProgressStream): ProgressBar {
  return stream.isTTY ? openBar(stream) : openLines(stream);
}

function openBar(stream: ProgressStream): ProgressBar {
  const bar = new SingleBar(
    {
      stream,
      format: '{phase} [{bar}] {percentage}% {detail}',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: false,
      linewrap: false,
    },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update(task) {
      const shown = { phase: task.phase, detail: describe(task) };
      const steps = Math.round(task.progress.fraction * barSteps);
      if (started) bar.update(steps, shown);
      else bar.start(barSteps, steps, shown);
      started = true;
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

function openLines(stream: ProgressStream): ProgressBar {
  let shownPhase = '';
  let shownAtMs = 0;
  let pending: TaskView | undefined;

  function write(task: TaskView): void {
    const percentage = Math.floor(task.progress.fraction * 100);
    stream.write(`${task.phase} ${percentage}% ${describe(task)}\n`);
    shownPhase = task.phase;
    shownAtMs = performance.now();
    pending = undefined;
  }
  return {
    update(task) {
      pending = task;
      if (task.phase !== shownPhase || performance.now() - shownAtMs >= plainIntervalMs) write(task);
    },
    stop() {
      if (pending) write(pending);
    },
  };
}

function describe({ phase, progress, counts }: TaskView): string {
  if (phase === 'WAITING') {
    return progress.queuePosition ? `${progress.queuePosition} before it` : 'next to run';
  }
  const isDownload = phase === 'DOWNLOADING';
  const done = isDownload
    ? ofTotal(progress.bytesDone, progress.bytesTotal, formatBytes)
    : `${ofTotal(progress.conversationsDone, progress.conversationsTotal, String)} conversations`;
  const { added, updated, unchanged, skipped, failed } = counts;
  const outcomes = [`${added} added`, `${updated} updated`, `${unchanged} unchanged`];
  if (skipped > 0) outcomes.push(`${skipped} skipped`);
  outcomes.push(`${failed} failed`);
  const parts = isDownload ? [done] : [done, outcomes.join(', ')];
  const { perSecond, etaSeconds } = progress;
  if (perSecond !== null) parts.push(`${isDownload ? formatBytes(perSecond) : Math.round(perSecond)}/s`);
  if (etaSeconds !== null && phase !== 'DONE') parts.push(`${formatSeconds(etaSeconds)} left`);
  return parts.join(' | ');
}

function ofTotal(done: number, total: number | null, format: (value: number) => string): string {
  return total === null ? format(done) : `${format(done)}/${format(total)}`;
}

function formatBytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole}s` : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
}
