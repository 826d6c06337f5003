import { batched } from './batched.ts';
import type { Services } from './services.ts';
import type { Credential, Viewer } from './viewer.ts';

/** An event may be lost with its connection; looking again this often bounds what that can cost. */
const SAFETY_CHECK_MS = 10_000;

/** A look is never sooner than this after another, whatever the clocks say. */
const SHORTEST_WAIT_MS = 250;

/**
 * Conditions under which a row of `sessions s`, left joined with `users u` and with the key that it was signed in with
 * as `api_keys k`, still counts; `idle` is the placeholder of the idle limit in milliseconds.
 */
export const sessionHolds = (idle: string) => `s.expires_at > now()
  AND s.last_seen_at > now() - make_interval(secs => ${idle} / 1000.0)
  AND (s.data->>'apiKeyId' IS NULL OR (k.id IS NOT NULL AND ${keyHolds}))`;

const keyHolds = 'k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())';

/** Joins a session with its user and with the key that it was signed in with. */
export const SESSION_JOINS = `JOIN users u ON u.id = s.user_id
  LEFT JOIN api_keys k ON k.user_id = s.user_id AND k.id = (s.data->>'apiKeyId')::uuid`;

/**
 * For how many milliseconds more a credential counts if nothing is done to it: 0 when it counts no more, Infinity when
 * it has no end.
 */
async function timeLeftMs(services: Services, userId: string, credential: Credential): Promise<number> {
  if (credential.kind === 'owner-key') return Number.POSITIVE_INFINITY;
  const read = credential.kind === 'session' ? readSessionTime : readKeyTime;
  const row = await read(services, { userId, id: credential.id });
  if (!row) return 0;
  return row.left ?? Number.POSITIVE_INFINITY;
}

interface Owned {
  userId: string;
  id: string;
}

interface TimeLeft extends Owned {
  /** Milliseconds; null without an end. */
  left: number | null;
}

const nameOf = ({ userId, id }: Owned) => `${userId}/${id}`;
const byName = (rows: TimeLeft[]) => new Map(rows.map((row) => [nameOf(row), row]));
/** The users and ids of what is asked for, as the first two parameters of a statement. */
const ASKED = 'unnest($1::uuid[], $2::uuid[]) AS asked (user_id, id)';
const askedOf = (keys: Owned[]) => [keys.map(({ userId }) => userId), keys.map(({ id }) => id)];

const readSessionTime = batched<Owned, TimeLeft>(nameOf, async (services, keys) =>
  byName(
    await services.database.query<TimeLeft>(
      `SELECT s.user_id AS "userId", s.id, extract(epoch FROM least(
         s.expires_at, s.last_seen_at + make_interval(secs => $3 / 1000.0), k.expires_at) - now())::float8 * 1000 AS left
       FROM ${ASKED} JOIN sessions s ON s.user_id = asked.user_id AND s.id = asked.id ${SESSION_JOINS}
       WHERE ${sessionHolds('$3')}`,
      [...askedOf(keys), services.sessions.idleMs],
    ),
  ),
);

const readKeyTime = batched<Owned, TimeLeft>(nameOf, async (services, keys) =>
  byName(
    await services.database.query<TimeLeft>(
      `SELECT k.user_id AS "userId", k.id, extract(epoch FROM k.expires_at - now())::float8 * 1000 AS left
       FROM ${ASKED} JOIN api_keys k ON k.user_id = asked.user_id AND k.id = asked.id WHERE ${keyHolds}`,
      askedOf(keys),
    ),
  ),
);

export interface CredentialWatch {
  /**
   * Calls `ended` once when the viewer's credential counts no more: at once when it is ended on purpose, when its time
   * is up, and within seconds when the event was lost. Answers the function that stops watching.
   */
  watch(viewer: Viewer, ended: () => void): () => void;
}

interface Watched {
  callbacks: Set<() => void>;
  stop(): void;
}

/** Watches credentials for everything in this process that stays open; many streams of one session cost as much as one. */
export function createCredentialWatch(services: Services): CredentialWatch {
  const watched = new Map<string, Watched>();
  return {
    watch({ userId, credential }, ended) {
      if (!credential || credential.kind === 'owner-key') return () => undefined;
      const key = `${credential.kind}/${credential.id}`;
      const entry = watched.get(key) ?? { callbacks: new Set(), stop: () => undefined };
      if (!watched.has(key)) {
        watched.set(key, entry);
        entry.stop = followCredential(services, userId, credential, () => {
          watched.delete(key);
          for (const callback of entry.callbacks) callback();
        });
      }
      // A function of its own for each caller, for a set would hold the same one only once.
      const callback = () => ended();
      entry.callbacks.add(callback);
      return () => {
        entry.callbacks.delete(callback);
        if (entry.callbacks.size > 0 || watched.get(key) !== entry) return;
        watched.delete(key);
        entry.stop();
      };
    },
  };
}

/** Calls `ended` once, when the credential counts no more. Answers the function that stops it. */
function followCredential(
  services: Services,
  userId: string,
  credential: Credential,
  ended: () => void,
): () => void {
  let over = false;
  let unlisten: (() => Promise<void>) | null = null;
  let timer = setTimeout(() => void look(), SAFETY_CHECK_MS);
  const stop = () => {
    over = true;
    clearTimeout(timer);
    unlisten?.().catch((error) => services.logger.warn({ error }, 'a credential is still listened for'));
  };
  const look = async () => {
    clearTimeout(timer);
    let waitMs = SAFETY_CHECK_MS;
    try {
      const leftMs = await timeLeftMs(services, userId, credential);
      if (over) return;
      if (leftMs <= 0) {
        stop();
        return ended();
      }
      waitMs = Math.min(Math.max(leftMs, SHORTEST_WAIT_MS), SAFETY_CHECK_MS);
    } catch (error) {
      // A database that restarts must not end a stream; what was ended meanwhile is found soon after.
      services.logger.warn({ error }, 'a credential could not be looked at');
    }
    if (over) return;
    clearTimeout(timer);
    timer = setTimeout(() => void look(), waitMs);
  };
  services.events
    .listen('credentialEnded', userId, () => void look())
    .then((stopListening) => {
      if (over) return stopListening();
      unlisten = stopListening;
      // Only now, so that nothing falls between the look and the first event.
      void look();
    })
    .catch((error) => services.logger.warn({ error }, 'a credential is watched without events'));
  return stop;
}
