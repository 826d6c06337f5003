import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { validate as isUuid, NIL, v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { ApiKey, Prisma } from '../generated/prisma/client.ts';
import { isLetIn } from './allowed-emails.ts';
import { recordAudit, recordHourly } from './audit.ts';
import { batched } from './batched.ts';
import { InvalidInputError, NotAllowedError, NotFoundError } from './errors.ts';
import { parseInput, text } from './input.ts';
import type { Services } from './services.ts';
import { type Credentials, requireScope, type Scope, type Viewer } from './viewer.ts';

export type ApiKeySelection = Pick<Prisma.ApiKeyFindManyArgs, 'include' | 'select'>;

/** Keys of one user that are neither revoked nor expired. */
const MAX_KEYS = 50;
/** Ended keys stay in the list for so long. */
const KEEP_ENDED_DAYS = 90;

const SECRET_BYTES = 32;
/** By which a key is found and told apart: `sidecar_` and 12 hexadecimal digits. Not secret. */
const PREFIX_BYTES = 6;
/** The prefix, `_`, and the secret in base64url. */
const FORM = /^(sidecar_[\da-f]{12})_[\w-]{43}$/;

const createApiKeyInput = z.strictObject({
  /** What it is for, in its owner's words. */
  name: text.trim().min(1, 'Say what the key is for.').max(100),
  /** Reading is part of every key. */
  scopes: z.array(z.enum(['read', 'write', 'admin'])).min(1, 'Name at least one scope.'),
  /** Unset or null: it does not expire. */
  expiresAt: z
    .date()
    .refine((moment) => moment.getTime() > Date.now(), 'A key must expire in the future.')
    .nullish(),
});
export type CreateApiKeyInput = z.input<typeof createApiKeyInput>;

export interface CreatedApiKey {
  /** The key itself; kept nowhere. */
  key: string;
  apiKey: ApiKey;
}

/**
 * Makes a key that acts for the viewer. Throws a NotAllowedError when it would be allowed more than the viewer is, and
 * an InvalidInputError when the viewer has too many already, and a TooManyRequestsError.
 */
export async function createApiKey(
  services: Services,
  viewer: Viewer | null,
  input: CreateApiKeyInput,
): Promise<CreatedApiKey> {
  requireScope(viewer, 'write');
  await services.limits.spend('keyCreation', viewer);
  const { userId } = viewer;
  const { name, scopes, expiresAt } = parseInput(createApiKeyInput, input);
  const granted = [...new Set<Scope>(['read', ...scopes])];
  const excess = granted.find((scope) => !viewer.scopes.has(scope));
  if (excess)
    throw new NotAllowedError(`A key cannot be given the scope "${excess}", which you do not have.`);

  const id = uuidv7();
  const prefix = `sidecar_${randomBytes(PREFIX_BYTES).toString('hex')}`;
  const key = `${prefix}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  await services.database.transaction(async (tx) => {
    // Keys that are made at the same time wait here for each other, so that together they keep the limit.
    const [user] = await tx.query<{ isOwner: boolean }>(
      'SELECT is_owner AS "isOwner" FROM users WHERE id = $1 FOR NO KEY UPDATE',
      [userId],
    );
    if (granted.includes('admin') && !user?.isOwner) {
      throw new NotAllowedError('Only a key of the owner can be given the scope "admin".');
    }
    const [alive] = await tx.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM api_keys
       WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
      [userId],
    );
    if ((alive?.count ?? 0) >= MAX_KEYS) {
      const message = `You have ${MAX_KEYS} keys, and more are not allowed: revoke one that you no longer need.`;
      throw new InvalidInputError([{ path: [], message, type: 'too_many_keys' }]);
    }
    await tx.query(
      `INSERT INTO api_keys (user_id, id, name, prefix, key_hash, scopes, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [userId, id, name, prefix, digest(key), granted, expiresAt ?? null],
    );
    await recordAudit(tx, viewer, 'api_key.created', `${name} (${prefix}, ${granted.join(', ')})`);
  });
  const apiKey = await services.prisma.apiKey.findUniqueOrThrow({ where: { userId_id: { userId, id } } });
  return { key, apiKey };
}

/** The viewer's keys, the newest first; ended ones come last, and no more of them than fit into 100. */
export async function listApiKeys(
  services: Services,
  viewer: Viewer | null,
  selection: ApiKeySelection = {},
): Promise<ApiKey[]> {
  requireScope(viewer, 'read');
  const rows = await services.database.query<{ id: string }>(
    `SELECT id FROM api_keys WHERE user_id = $1
     ORDER BY revoked_at IS NOT NULL OR coalesce(expires_at <= now(), false), id DESC LIMIT 100`,
    [viewer.userId],
  );
  const position = new Map(rows.map(({ id }, index) => [id, index]));
  const keys = await services.prisma.apiKey.findMany({
    ...selection,
    where: { userId: viewer.userId, id: { in: [...position.keys()] } },
  });
  return keys.toSorted((a, b) => (position.get(a.id) ?? 0) - (position.get(b.id) ?? 0));
}

/** The key of the viewer's own row; names no row when it is somebody else's. */
export function apiKeyKey(viewer: Viewer | null, id: string): Prisma.ApiKeyWhereUniqueInput {
  requireScope(viewer, 'read');
  return { userId_id: { userId: viewer.userId, id: isUuid(id) ? id : NIL } };
}

/** Ends a key at once, in every process; one that is revoked already stays as it is. Throws a NotFoundError. */
export async function revokeApiKey(services: Services, viewer: Viewer | null, id: string): Promise<ApiKey> {
  requireScope(viewer, 'write');
  const { userId } = viewer;
  if (!isUuid(id)) throw new NotFoundError('API key');
  await services.database.transaction(async (tx) => {
    const [revoked] = await tx.query<{ name: string; prefix: string }>(
      `UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL
       RETURNING name, prefix`,
      [userId, id],
    );
    if (revoked) await recordAudit(tx, viewer, 'api_key.revoked', `${revoked.name} (${revoked.prefix})`);
  });
  // Streams that were opened with it look at once; without the event they find out some seconds later.
  await services.events.publish('credentialEnded', userId, { userId }).catch((error) => {
    services.logger.warn({ error }, 'the event of a revoked API key was not published');
  });
  const key = await services.prisma.apiKey.findUnique({ where: { userId_id: { userId, id } } });
  if (!key) throw new NotFoundError('API key');
  return key;
}

interface KeyRow {
  userId: string;
  id: string;
  keyHash: Uint8Array;
  scopes: Scope[];
  isOwner: boolean;
  email: string | null;
  alive: boolean;
  usedLately: boolean;
}

const shownName = ({ prefix, address }: { prefix: string; address: string | null }) =>
  `${prefix} ${address ?? ''}`;

/** A key by its prefix. Those that are shown at the same time are looked up by one statement. */
const readKey = batched<{ prefix: string; address: string | null }, KeyRow>(
  shownName,
  async (services, keys) => {
    const rows = await services.database.query<KeyRow & { prefix: string; address: string | null }>(
      `SELECT asked.prefix, asked.address, k.user_id AS "userId", k.id, k.key_hash AS "keyHash", k.scopes,
         u.is_owner AS "isOwner", u.email,
         k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AS alive,
         coalesce(k.last_used_at > now() - interval '1 minute', false)
           AND k.last_used_address IS NOT DISTINCT FROM asked.address AS "usedLately"
       FROM unnest($1::text[], $2::text[]) AS asked (prefix, address)
       JOIN api_keys k ON k.prefix = asked.prefix JOIN users u ON u.id = k.user_id`,
      [keys.map(({ prefix }) => prefix), keys.map(({ address }) => address)],
      'shown keys',
    );
    return new Map(rows.map((row) => [shownName(row), row]));
  },
);

/** What an unknown prefix is compared with, so that it takes as long as a wrong key. */
const NO_DIGEST = digest('');

/**
 * Whom a key made by `createApiKey` stands for; null for one that nobody has, and `ended` for one that is revoked or
 * expired, or whose user is not let in any more. Nothing is remembered between two calls, so that a key ends in every
 * process at once.
 */
export async function findApiKey(services: Services, shown: Credentials): Promise<Viewer | 'ended' | null> {
  const { apiKey, origin } = shown;
  const prefix = FORM.exec(apiKey ?? '')?.[1];
  if (apiKey === undefined || prefix === undefined) return null;
  const row = await readKey(services, { prefix, address: origin.address });
  const fits = timingSafeEqual(digest(apiKey), row?.keyHash ?? NO_DIGEST);
  if (!row || !fits) return null;
  if (!row.alive || !isLetIn(services, row)) return 'ended';
  const viewer: Viewer = {
    userId: row.userId,
    scopes: new Set(row.scopes.filter((scope) => scope !== 'admin' || row.isOwner)),
    credential: { kind: 'api-key', id: row.id },
    origin,
  };
  if (!row.usedLately) await noteUse(services, viewer, row.id);
  return viewer;
}

/** Notes that are being written, by process; requests that come meanwhile wait for the same one. */
const notes = new WeakMap<Services, Map<string, Promise<void>>>();

/** Last use is written once a minute, the audit trail once an hour for each address. */
async function noteUse(services: Services, viewer: Viewer, id: string): Promise<void> {
  const own = notes.get(services) ?? new Map<string, Promise<void>>();
  notes.set(services, own);
  const name = `${id} ${viewer.origin.address}`;
  const note = own.get(name) ?? writeUse(services, viewer, id).finally(() => own.delete(name));
  own.set(name, note);
  await note;
}

async function writeUse(services: Services, viewer: Viewer, id: string): Promise<void> {
  try {
    await services.database.query(
      `UPDATE api_keys SET last_used_at = now(), last_used_address = $3
       WHERE user_id = $1 AND id = $2 AND coalesce(last_used_at < now() - interval '1 minute', true)`,
      [viewer.userId, id, viewer.origin.address],
    );
    await recordHourly(services, viewer, 'api_key.used');
  } catch (error) {
    // Who has a right to come in comes in, also while nothing can be written.
    services.logger.warn({ error }, 'the use of an API key was not noted');
  }
}

/** After this time a use of the owner's key may have to be noted again. */
const OWNER_NOTE_MS = 60_000;
/** Who comes from more addresses is looked up more often. */
const REMEMBERED_ADDRESSES = 1_000;

/**
 * Notes uses of the key of the server's configuration, once an hour for each address. It has no row, and works while the
 * database is away: so nobody waits for the note, and what was noted lately is remembered here.
 */
export function createOwnerKeyNotes(services: Services): (viewer: Viewer) => void {
  const notedAtMs = new Map<string | null, number>();
  return (viewer) => {
    if (viewer.credential?.kind !== 'owner-key') return;
    const { address } = viewer.origin;
    const lately = notedAtMs.get(address);
    if (lately !== undefined && Date.now() - lately < OWNER_NOTE_MS) return;
    if (notedAtMs.size >= REMEMBERED_ADDRESSES) notedAtMs.clear();
    notedAtMs.set(address, Date.now());
    recordHourly(services, viewer, 'api_key.used').catch((error) => {
      services.logger.warn({ error }, 'the use of the owner’s key was not noted');
    });
  };
}

/** Removes keys that ended long ago. */
export async function sweepApiKeys(services: Services): Promise<void> {
  await services.database.query(
    'DELETE FROM api_keys WHERE least(revoked_at, expires_at) < now() - make_interval(days => $1)',
    [KEEP_ENDED_DAYS],
  );
}

/** Fast on purpose: 256 random bits cannot be guessed, however quick a guess is. */
function digest(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}
