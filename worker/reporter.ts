import type { Services } from '../src/domain/services.ts';
import { announce, type Lease, type TaskChange, writeTask } from '../src/domain/sync/lease.ts';
import type { SyncPhase } from '../src/generated/prisma/client.ts';

/** Between two writes of progress: what a person can follow, and cheap beside the import itself. */
const WRITE_INTERVAL_MS = 300;
/** Speed is told over this time, so that it neither jumps nor lags. */
const SPEED_WINDOW_MS = 5_000;

/** How far things were at a moment: bytes while downloading, conversations while importing. */
interface Mark {
  at: number;
  amount: number;
}

/** Turns what a run does into the task's row, a few times a second. */
export interface Reporter {
  /** Begins a phase that takes the fraction from `from` to `to`. Resolves once it is written. */
  enter(phase: SyncPhase, from: number, to: number): Promise<void>;
  /** Progress in the present phase, in bytes. `total` 0 when unknown. */
  bytes(done: number, total: number): void;
  /** Progress in a phase that counts something else than bytes. */
  share(done: number, total: number): void;
  /** Conversations dealt with, for the speed alone: the counts themselves are committed with their rows. */
  conversations(more: number): void;
  /** What is to be written along with a batch's own counts. */
  snapshot(): TaskChange;
  /** A batch wrote the row itself. */
  written(seq: number): void;
  /** Something went on that no progress is told of, such as bytes of a file that is hashed or stored. */
  moved(): void;
  /** Since anything was reported. */
  idleMs(): number;
  /** Waits for the last write. */
  close(): Promise<void>;
}

/** `onLost` hears when the row could not be written because the task is not this worker's any more. */
export function openReporter(services: Services, lease: Lease, onLost: (error: Error) => void): Reporter {
  const startedAt = Date.now();
  let phase: SyncPhase = 'WAITING';
  let range = { from: 0, to: 0 };
  let done = 0;
  let total = 0;
  let reached = 0;
  let conversations = 0;
  let marks: Mark[] = [{ at: startedAt, amount: 0 }];
  let writing: Promise<void> | null = null;
  let dirty = false;
  /** What the last write of progress said; null when a batch may have said something else since. */
  let told: string | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  /** Until what a batch wrote is told. */
  let announcing: NodeJS.Timeout | null = null;
  let announcedAt = Number.NEGATIVE_INFINITY;
  let lastSeq = 0;

  let startedFrom = Number.POSITIVE_INFINITY;
  let movedAt = startedAt;
  const fraction = () => range.from + (range.to - range.from) * Math.min(reached, 1);
  const snapshot = (): TaskChange => {
    const now = Date.now();
    const amount = phase === 'DOWNLOADING' ? done : conversations;
    marks = [...marks.filter((mark) => now - mark.at < SPEED_WINDOW_MS), { at: now, amount }];
    const first = marks[0] ?? { at: startedAt, amount: 0 };
    const seconds = Math.max((now - first.at) / 1_000, 0.001);
    const measured = phase === 'DOWNLOADING' || phase === 'IMPORTING';
    const elapsed = (now - startedAt) / 1_000;
    const gained = fraction() - startedFrom;
    return {
      phase,
      // 1 is kept for the end.
      fraction: Math.min(fraction(), 0.999),
      bytesDone: Math.round(done),
      bytesTotal: Math.round(total),
      perSecond: measured ? Math.round(((amount - first.amount) / seconds) * 10) / 10 : null,
      // A retry keeps the total of the run that read all.
      ...(phase === 'IMPORTING' && reached > 0 && !lease.retry
        ? { conversationsTotal: Math.round((lease.conversationsBefore + conversations) / reached) }
        : {}),
      etaSeconds: gained > 0.02 ? Math.round((elapsed * (1 - fraction())) / gained) : null,
    };
  };

  async function write(): Promise<void> {
    dirty = false;
    const change = snapshot();
    const telling = JSON.stringify(change);
    if (telling === told) return;
    try {
      told = telling;
      const seq = await writeTask(services.database, lease, change);
      await announce(services, lease, seq);
    } catch (error) {
      onLost(error instanceof Error ? error : new Error(String(error)));
    }
  }
  function schedule(): void {
    movedAt = Date.now();
    if (closed || writing || timer) {
      dirty = true;
      return;
    }
    timer = setTimeout(writeNow, WRITE_INTERVAL_MS);
  }
  function writeNow(): Promise<void> {
    if (timer) clearTimeout(timer);
    timer = null;
    writing = write().finally(() => {
      writing = null;
      if (dirty) schedule();
    });
    return writing;
  }

  /** Batches may be many in a second, and whoever follows reads the row each time. */
  function tell(seq: number): void {
    lastSeq = seq;
    if (announcing) return;
    const announceLast = () => {
      announcing = null;
      announcedAt = Date.now();
      void announce(services, lease, lastSeq);
    };
    const waitMs = announcedAt + WRITE_INTERVAL_MS - Date.now();
    if (waitMs <= 0) announceLast();
    else announcing = setTimeout(announceLast, waitMs);
  }

  return {
    async enter(next, from, to) {
      phase = next;
      range = { from, to };
      startedFrom = Math.min(startedFrom, from);
      reached = 0;
      marks = [{ at: Date.now(), amount: next === 'DOWNLOADING' ? 0 : conversations }];
      movedAt = Date.now();
      await writing;
      await writeNow();
    },
    bytes(nextDone, nextTotal) {
      done = nextDone;
      total = nextTotal;
      reached = total > 0 ? done / total : 0;
      schedule();
    },
    share(part, whole) {
      reached = whole > 0 ? part / whole : 0;
      schedule();
    },
    conversations(more) {
      conversations += more;
    },
    snapshot() {
      // The batch writes what a write of its own would say.
      if (timer) clearTimeout(timer);
      timer = null;
      dirty = false;
      told = null;
      return snapshot();
    },
    written(seq) {
      movedAt = Date.now();
      dirty = false;
      tell(seq);
    },
    moved() {
      movedAt = Date.now();
    },
    idleMs: () => Date.now() - movedAt,
    async close() {
      closed = true;
      if (timer) clearTimeout(timer);
      if (announcing) clearTimeout(announcing);
      timer = null;
      await writing;
    },
  };
}
