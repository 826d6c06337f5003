/**
 * Reading from replicas, so that a user always reads what they wrote, whichever process wrote it and whichever answers.
 * Every write that a user can know of ends in a new version of their row of `users` (`noteWrite`), and physical
 * replication copies versions as they are: a replica that shows the version which the primary shows has replayed all
 * that was committed before it.
 */
import type { PrismaClient } from '../generated/prisma/client.ts';
import type { Database, Services, Transaction } from './services.ts';
import type { Viewer } from './viewer.ts';

/** A database to read from, in both its forms. */
export interface ReadSource {
  prisma: PrismaClient;
  database: Database;
}

export interface Replicas {
  /** A replica that shows `version` of the user's row; null when none does, or none answers. */
  pick(userId: string, version: string): Promise<ReadSource | null>;
}

const onReplica = new WeakMap<ReadSource, Services>();

/**
 * The services to answer a request with that only reads: on a replica when one shows all that this viewer wrote, and
 * else on the primary. Who has a task that is not over reads from the primary, for it writes all the time.
 */
export async function forReading(services: Services, viewer: Viewer | null): Promise<Services> {
  if (!services.replicas || !viewer) return services;
  const [user] = await services.database.query<{ version: string; busy: boolean }>(
    `SELECT u.xmin::text AS version,
       EXISTS (SELECT FROM sync_tasks WHERE user_id = u.id AND status IN ('QUEUED', 'RUNNING'))
       OR EXISTS (SELECT FROM background_tasks WHERE user_id = u.id AND status IN ('QUEUED', 'RUNNING')) AS busy
     FROM users u WHERE u.id = $1`,
    [viewer.userId],
    'reading',
  );
  if (!user || user.busy) return services;
  const source = await services.replicas.pick(viewer.userId, user.version);
  if (!source) return services;
  const known = onReplica.get(source) ?? { ...services, ...source };
  onReplica.set(source, known);
  return known;
}

/** To be awaited behind a write of the API, before anybody hears that it is done. */
export async function noteWrite(services: Services, viewer: Pick<Viewer, 'userId'> | null): Promise<void> {
  if (services.replicas && viewer) await services.database.query(NEW_VERSION, [viewer.userId]);
}

/** The same within a transaction of a worker, which need not know of the API's replicas. */
export async function noteWriteIn(tx: Transaction, userId: string): Promise<void> {
  await tx.execute(NEW_VERSION, [userId]);
}

/** What a note is, for the user $1. */
export const NEW_VERSION = 'UPDATE users SET display_name = display_name WHERE id = $1';
