import { type PiscinaTask, queueOptionsSymbol, type TaskQueue } from 'piscina';

/** What a task carries under `queueOptionsSymbol`. */
export interface QueueOptions {
  /** Goes before all that is not, and behind what is and came earlier. */
  urgent: boolean;
}

/** The work that waits for a thread. */
export function urgentFirst(): TaskQueue {
  const urgent: PiscinaTask[] = [];
  const others: PiscinaTask[] = [];
  const queueOf = (task: PiscinaTask) =>
    (task[queueOptionsSymbol] as QueueOptions | null)?.urgent ? urgent : others;
  return {
    get size() {
      return urgent.length + others.length;
    },
    shift: () => urgent.shift() ?? others.shift() ?? null,
    push(task: PiscinaTask) {
      queueOf(task).push(task);
    },
    remove(task: PiscinaTask) {
      const queue = queueOf(task);
      const at = queue.indexOf(task);
      if (at >= 0) queue.splice(at, 1);
    },
  };
}
