import { validate as isUuid, NIL, v7 as uuidv7 } from 'uuid';
import type { AuditEvent, Prisma } from '../generated/prisma/client.ts';
import { NotAllowedError } from './errors.ts';
import { beyond, idKey, withoutCursor } from './page.ts';
import type { Services, Transaction } from './services.ts';
import { requireScope, type Viewer } from './viewer.ts';

/** For so long events are kept: a year, and some weeks to look back at it. */
const KEEP_DAYS = 400;
const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** Swept in one statement. */
const SWEEP_ROWS = 10_000;

/** Everything that the audit trail tells of. */
export const AUDIT_ACTIONS = [
  'session.started',
  'session.ended',
  'session.others_ended',
  'session.all_ended',
  'api_key.created',
  'api_key.used',
  'api_key.revoked',
  'sync.configured',
  'sync.paused',
  'sync.started',
  'sync.cancelled',
  'sync.retried',
  'sync.undone',
  'conversation.renamed',
  'conversation.archived',
  'conversation.deleted',
  'chat.deleted',
  'data.exported',
  'account.linked',
  'account.unlinked',
  'account.deleted',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/**
 * Notes what a viewer did, in the caller's transaction where there is one, so that neither stands without the other.
 * `subject` is for a person's eyes: never a secret, a URL or text of a conversation.
 */
export async function recordAudit(
  database: Pick<Transaction, 'query'>,
  viewer: Pick<Viewer, 'userId' | 'credential' | 'origin'>,
  action: AuditAction,
  subject: string | null = null,
): Promise<void> {
  const { userId, credential, origin } = viewer;
  await database.query(
    `INSERT INTO audit_events (user_id, id, action, credential, credential_id, address, user_agent, subject)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      userId,
      uuidv7(),
      action,
      credential?.kind ?? null,
      credential && 'id' in credential ? credential.id : null,
      origin.address,
      origin.userAgent?.slice(0, 300) ?? null,
      subject?.slice(0, 300) ?? null,
    ],
  );
}

/** The same for what may happen many times a second: once an hour for each credential and address. */
export async function recordHourly(
  services: Services,
  viewer: Pick<Viewer, 'userId' | 'credential' | 'origin'>,
  action: AuditAction,
): Promise<void> {
  const { userId, credential, origin } = viewer;
  const what = [
    userId,
    action,
    credential?.kind ?? null,
    credential && 'id' in credential ? credential.id : null,
    origin.address,
  ];
  const since = firstIdOf(Date.now() - HOUR_MS);
  const isNoted = async (database: Pick<Transaction, 'query'>) => {
    const found = await database.query(
      `SELECT FROM audit_events
       WHERE user_id = $1 AND id > $6 AND action = $2 AND credential IS NOT DISTINCT FROM $3
         AND credential_id IS NOT DISTINCT FROM $4 AND address IS NOT DISTINCT FROM $5 LIMIT 1`,
      [...what, since],
    );
    return found.length > 0;
  };
  if (await isNoted(services.database)) return;
  await services.database.transaction(async (tx) => {
    // Requests that come at the same time wait here for the first of them.
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [JSON.stringify(what)]);
    if (!(await isNoted(tx))) await recordAudit(tx, viewer, action);
  });
}

/** What was done to the viewer's account, newest first. `page` is what a Relay connection asks of Prisma. */
export async function listAuditEvents(
  services: Services,
  viewer: Viewer | null,
  page: Prisma.AuditEventFindManyArgs,
): Promise<AuditEvent[]> {
  requireScope(viewer, 'read');
  return services.prisma.auditEvent.findMany({
    ...withoutCursor(page),
    where: { userId: viewer.userId, id: beyondEvent(page) },
    orderBy: { id: 'desc' },
  });
}

/**
 * What was done on this server, newest first: everybody's, or that of `userId` alone. Throws a NotAllowedError for
 * anybody but the owner.
 */
export async function listAllAuditEvents(
  services: Services,
  viewer: Viewer | null,
  filter: { userId: string | null },
  page: Prisma.AuditEventFindManyArgs,
): Promise<AuditEvent[]> {
  requireScope(viewer, 'admin');
  const isOwner = await services.prisma.user.count({ where: { id: viewer.userId, isOwner: true } });
  if (isOwner === 0) throw new NotAllowedError('Only the owner may see what others did.');
  const { userId } = filter;
  return services.prisma.auditEvent.findMany({
    ...withoutCursor(page),
    where: {
      id: beyondEvent(page),
      ...(userId === null ? {} : { userId: isUuid(userId) ? userId : NIL }),
    },
    orderBy: { id: 'desc' },
  });
}

const beyondEvent = (page: Prisma.AuditEventFindManyArgs) =>
  beyond(idKey, page.cursor?.userId_id?.id, page, 'desc');

/** Removes what is older than anybody has a use for. */
export async function sweepAuditEvents(services: Services): Promise<void> {
  const oldest = firstIdOf(Date.now() - KEEP_DAYS * DAY_MS);
  let removed: number;
  do {
    removed = await services.database.transaction((tx) =>
      tx.execute(
        `DELETE FROM audit_events WHERE id IN
           (SELECT id FROM audit_events WHERE id < $1 ORDER BY id LIMIT ${SWEEP_ROWS})`,
        [oldest],
      ),
    );
  } while (removed === SWEEP_ROWS);
}

/** The least UUIDv7 of a moment, in milliseconds since 1970. */
const firstIdOf = (moment: number) => uuidv7({ msecs: moment, seq: 0, random: new Uint8Array(16) });
