import type { Services } from './services.ts';
import type { Viewer } from './viewer.ts';

/** Events are at most once; reading the row again this often bounds what a lost one can cost. */
const SAFETY_POLL_MS = 5_000;

/** While the server of events does not answer, the present state waits no longer than this for it. */
const FIRST_READ_MS = 1_000;

/** What a stream of rows needs of its consumer: values go to `push`, and `stopped` tells when nobody listens. */
export interface Watch<Row> {
  push(row: Row): void;
  end(error?: unknown): void;
  stopped: Promise<unknown>;
}

interface Follow {
  /** What tells of changes of a user's rows. */
  event: 'syncTask' | 'backgroundTask';
  concerns(taskId: string): boolean;
  /** Reads the rows again and pushes what is newer; `changed` are the tasks that events named since the last one that went well. */
  read(changed: Set<string>): Promise<void>;
}

/**
 * Streams one task: its present state at once, then every newer one, until it is over or gone. Several changes while a
 * read is under way are one newer row.
 */
export function followTask<Row extends { seq: number }>(
  services: Services,
  viewer: Viewer,
  watch: Watch<Row>,
  task: {
    event: Follow['event'];
    id: string;
    load(): Promise<Row | null>;
    isOver(row: Row): boolean;
  },
): Promise<void> {
  let lastSeq = -1;
  return followRows(services, viewer, watch.stopped, {
    event: task.event,
    concerns: (id) => id === task.id,
    async read() {
      const row = await task.load();
      if (!row) return watch.end();
      if (row.seq > lastSeq) {
        lastSeq = row.seq;
        watch.push(row);
      }
      if (task.isOver(row)) watch.end();
    },
  });
}

/**
 * Reads rows whenever an event tells of a change, until `stopped`. Reads once it listens, so that nothing falls between,
 * and without events every few seconds.
 */
export async function followRows(
  services: Services,
  viewer: Viewer,
  stopped: Promise<unknown>,
  { event, concerns, read }: Follow,
): Promise<void> {
  let reading = false;
  let again = false;
  let over = false;
  let changed = new Set<string>();
  const nudge = async () => {
    again = true;
    if (reading || over) return;
    reading = true;
    try {
      while (again && !over) {
        again = false;
        const named = changed;
        changed = new Set();
        try {
          await read(named);
        } catch (error) {
          changed = new Set([...named, ...changed]);
          throw error;
        }
      }
    } catch (error) {
      // The next event or poll reads again: a database that restarts must not end a stream.
      services.logger.warn({ error }, 'a watched task could not be read');
    } finally {
      reading = false;
    }
  };
  const first = setTimeout(() => void nudge(), FIRST_READ_MS);
  const stopPolling = pollTogether(() => void nudge());
  let unlisten: () => Promise<void> = async () => undefined;
  // Not awaited: a subscriber waits as long as its server is away, and the rows can be read all the same.
  services.events
    .listen(event, viewer.userId, (payload) => {
      if (payload && !concerns(payload.taskId)) return;
      if (payload) changed.add(payload.taskId);
      void nudge();
    })
    .then((stop) => {
      if (over) return stop();
      unlisten = stop;
      clearTimeout(first);
      void nudge();
    })
    .catch((error) => services.logger.warn({ error }, 'a task is watched without events'));
  await stopped;
  over = true;
  clearTimeout(first);
  stopPolling();
  await unlisten();
}

const polls = new Set<() => void>();
let clock: NodeJS.Timeout | undefined;

/** Calls all that is watched in this process at the same moment, so that the database is asked once for all of it. */
function pollTogether(poll: () => void): () => void {
  polls.add(poll);
  clock ??= setInterval(() => {
    for (const each of polls) each();
  }, SAFETY_POLL_MS);
  return () => {
    polls.delete(poll);
    if (polls.size > 0) return;
    clearInterval(clock);
    clock = undefined;
  };
}
