import { createHash } from 'node:crypto';
import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import { isLetIn } from './allowed-emails.ts';
import { recordAudit } from './audit.ts';
import { SESSION_JOINS, sessionHolds } from './credential.ts';
import { NotAllowedError, NotFoundError, NotSignedInError } from './errors.ts';
import { noteWriteIn } from './reading.ts';
import type { Services, Transaction } from './services.ts';
import { type Origin, requireScope, type Scope, type Viewer } from './viewer.ts';

/** For so long a browser may be on its way to Google and back. */
const SIGN_IN_MS = 10 * 60_000;
const MAX_USER_AGENT_LENGTH = 300;

/** Who signs in, from where, and with what. */
export interface SignIn {
  userId: string;
  /** The key that it is done with: the session has its scopes and ends with it. Null for Google and the owner's key. */
  apiKeyId: string | null;
  origin: Origin;
}

/** A browser's state between requests to /auth. */
export interface StoredSession {
  /** Who has just signed in under a new secret; null for all that is stored besides. */
  signIn: SignIn | null;
  /** State and PKCE verifier of a sign-in that has begun. */
  data: Record<string, unknown>;
}

/** One row of the list of sessions. */
export interface SessionEntry {
  id: string;
  userAgent: string | null;
  address: string | null;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
}

/** What the table knows a session by. Fast on purpose: 256 random bits cannot be guessed, however quick a guess is. */
const tokenHash = (secret: string) => createHash('sha256').update(secret).digest();

/** Whom a cookie's secret stands for; null when it is unknown, ended, or stands for nobody yet. */
export async function findSession(
  services: Services,
  secret: string,
  origin: Origin,
): Promise<Viewer | null> {
  const [row] = await services.database.query<{
    id: string;
    userId: string;
    isOwner: boolean;
    email: string | null;
    keyScopes: Scope[] | null;
    seenLately: boolean;
  }>(
    `SELECT s.id, s.user_id AS "userId", u.is_owner AS "isOwner", u.email, k.scopes AS "keyScopes",
       s.last_seen_at > now() - interval '1 minute' AS "seenLately"
     FROM sessions s ${SESSION_JOINS} WHERE s.token_hash = $1 AND ${sessionHolds('$2')}`,
    [tokenHash(secret), services.sessions.idleMs],
  );
  if (!row || !isLetIn(services, row)) return null;
  if (!row.seenLately) await noteSeen(services, row.id, origin);
  const scopes = row.keyScopes ?? (['read', 'write', 'admin'] as const);
  return {
    userId: row.userId,
    scopes: new Set(scopes.filter((scope) => scope !== 'admin' || row.isOwner)),
    credential: { kind: 'session', id: row.id },
    origin,
  };
}

/** Written once a minute at most, whatever number of requests come. */
async function noteSeen(services: Services, id: string, { address }: Origin): Promise<void> {
  try {
    await services.database.query(
      `UPDATE sessions SET last_seen_at = now(), address = $2
       WHERE id = $1 AND last_seen_at < now() - interval '1 minute'`,
      [id, address],
    );
  } catch (error) {
    // Who is signed in stays so, also while nothing can be written.
    services.logger.warn({ error }, 'the use of a session was not noted');
  }
}

/**
 * State and PKCE verifier of the browser that holds this secret; null when it is unknown or ended. Never who is signed in:
 * what was read may be written back after the session was ended.
 */
export async function loadSession(
  services: Services,
  secret: string,
): Promise<Record<string, unknown> | null> {
  const [row] = await services.database.query<{ data: Record<string, unknown> }>(
    `SELECT s.data - 'apiKeyId' AS data
     FROM sessions s LEFT ${SESSION_JOINS}
     WHERE s.token_hash = $1 AND s.expires_at > now() AND (s.user_id IS NULL OR (${sessionHolds('$2')}))`,
    [tokenHash(secret), services.sessions.idleMs],
  );
  return row?.data ?? null;
}

/**
 * Stores a browser's state. A secret that is stored already keeps its user, its key and its absolute end: whoever signs
 * in gets a new one, so that a cookie from before, which others may know, never becomes one that is signed in.
 */
export async function saveSession(
  services: Services,
  secret: string,
  { signIn, data }: StoredSession,
): Promise<void> {
  const lifetimeMs = signIn ? services.sessions.lifetimeMs : SIGN_IN_MS;
  const stored = signIn?.apiKeyId ? { ...data, apiKeyId: signIn.apiKeyId } : data;
  await services.database.transaction(async (tx) => {
    const [row] = await tx.query<{ id: string; isNew: boolean }>(
      `INSERT INTO sessions (id, token_hash, user_id, data, user_agent, address, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7 / 1000.0))
       ON CONFLICT (token_hash) DO UPDATE
         SET data = EXCLUDED.data || jsonb_strip_nulls(jsonb_build_object('apiKeyId', sessions.data->'apiKeyId'))
       RETURNING id, xmax = 0 AS "isNew"`,
      [
        uuidv7(),
        tokenHash(secret),
        signIn?.userId ?? null,
        JSON.stringify(stored),
        signIn?.origin.userAgent?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
        signIn?.origin.address ?? null,
        lifetimeMs,
      ],
    );
    if (!row?.isNew || !signIn) return;
    const credential = { kind: 'session', id: row.id } as const;
    await recordAudit(tx, { ...signIn, credential }, 'session.started');
    await noteWriteIn(tx, signIn.userId);
  });
}

/** Ends what this secret stands for, if anything. */
export async function destroySession(services: Services, secret: string): Promise<void> {
  const userId = await services.database.transaction(async (tx) => {
    const [row] = await tx.query<{ id: string; userId: string | null } & Origin>(
      `DELETE FROM sessions WHERE token_hash = $1
       RETURNING id, user_id AS "userId", address, user_agent AS "userAgent"`,
      [tokenHash(secret)],
    );
    if (!row?.userId) return null;
    const { userId, id, address, userAgent } = row;
    const credential = { kind: 'session', id } as const;
    await recordAudit(tx, { userId, credential, origin: { address, userAgent } }, 'session.ended');
    return userId;
  });
  if (userId) await publishEnd(services, userId);
}

/** The viewer's browsers that are signed in, those seen last first. */
export async function listSessions(services: Services, viewer: Viewer | null): Promise<SessionEntry[]> {
  requireScope(viewer, 'read');
  return services.database.query<SessionEntry>(
    `SELECT s.id, s.user_agent AS "userAgent", s.address, s.created_at AS "createdAt",
       s.last_seen_at AS "lastSeenAt", s.expires_at AS "expiresAt"
     FROM sessions s ${SESSION_JOINS} WHERE s.user_id = $1 AND ${sessionHolds('$2')}
     ORDER BY s.last_seen_at DESC, s.id`,
    [viewer.userId, services.sessions.idleMs],
  );
}

/** Ends the session that the request came with. Throws a NotAllowedError when it came with a key. */
export async function signOut(services: Services, viewer: Viewer | null): Promise<number> {
  if (!viewer) throw new NotSignedInError();
  const { userId, credential } = viewer;
  if (credential?.kind !== 'session') {
    throw new NotAllowedError('An API key has no session to end; revoke the key when it is not needed.');
  }
  return end(services, viewer, async (tx) => {
    const ended = await tx.execute('DELETE FROM sessions WHERE user_id = $1 AND id = $2', [
      userId,
      credential.id,
    ]);
    if (ended > 0) await recordAudit(tx, viewer, 'session.ended');
    return ended;
  });
}

/** Ends one of the viewer's sessions. Throws a NotFoundError. */
export async function endSession(services: Services, viewer: Viewer | null, id: string): Promise<number> {
  requireScope(viewer, 'write');
  if (!isUuid(id)) throw new NotFoundError('session');
  return end(services, viewer, async (tx) => {
    const ended = await tx.execute('DELETE FROM sessions WHERE user_id = $1 AND id = $2', [
      viewer.userId,
      id,
    ]);
    if (ended === 0) throw new NotFoundError('session');
    await recordAudit(tx, viewer, 'session.ended');
    return ended;
  });
}

/** Ends all of the viewer's sessions, the one that the request came with as well; API keys stay. Answers how many. */
export async function signOutEverywhere(services: Services, viewer: Viewer | null): Promise<number> {
  requireScope(viewer, 'write');
  return endAllSessions(services, viewer, (tx) => recordAudit(tx, viewer, 'session.all_ended'));
}

/**
 * Ends the viewer's sessions but the one that the request came with; a key came with none, and ends all. API keys stay. Answers
 * how many.
 */
export async function endOtherSessions(services: Services, viewer: Viewer | null): Promise<number> {
  requireScope(viewer, 'write');
  const own = viewer.credential?.kind === 'session' ? viewer.credential.id : null;
  return end(services, viewer, async (tx) => {
    const ended = await tx.execute('DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2', [
      viewer.userId,
      own,
    ]);
    if (ended > 0) await recordAudit(tx, viewer, 'session.others_ended');
    return ended;
  });
}

/** Ends all sessions of a user together with what `also` does. Answers how many. */
export async function endAllSessions(
  services: Services,
  viewer: Viewer,
  also: (tx: Transaction) => Promise<void>,
): Promise<number> {
  return end(services, viewer, async (tx) => {
    await also(tx);
    return tx.execute('DELETE FROM sessions WHERE user_id = $1', [viewer.userId]);
  });
}

async function end(
  services: Services,
  { userId }: Viewer,
  remove: (tx: Transaction) => Promise<number>,
): Promise<number> {
  const ended = await services.database.transaction(remove);
  if (ended > 0) await publishEnd(services, userId);
  return ended;
}

/** Streams of the user look at once whether their session is still there; without the event some seconds later. */
async function publishEnd(services: Services, userId: string): Promise<void> {
  await services.events.publish('credentialEnded', userId, { userId }).catch((error) => {
    services.logger.warn({ error }, 'the event of an ended session was not published');
  });
}

/** Removes sessions that count no more, and sign-ins that were never done. */
export async function sweepSessions(services: Services): Promise<void> {
  await services.database.query(
    `DELETE FROM sessions WHERE id IN (
       SELECT s.id FROM sessions s LEFT ${SESSION_JOINS}
       WHERE (s.user_id IS NULL AND s.expires_at <= now()) OR (s.user_id IS NOT NULL AND NOT (${sessionHolds('$1')})))`,
    [services.sessions.idleMs],
  );
}
