import type { Services, Transaction } from './services.ts';

/** Tables of tasks that a worker claims with a token, each with status, lease_token and heartbeat_at. */
export type LeasedTable = 'sync_tasks' | 'background_tasks';

/** A worker's right to write a task. Whoever claims the task next makes this one worthless. */
export interface HeldLease {
  userId: string;
  taskId: string;
  token: string;
}

/** The task was cancelled, or another worker has it: stop at once and write nothing more. */
export class LeaseLostError extends Error {
  constructor() {
    super('This worker no longer holds the task.');
    this.name = 'LeaseLostError';
  }
}

/** Holds the task's row until the commit: a worker that was taken for dead waits here and is then refused. */
export async function lockLeased(tx: Transaction, table: LeasedTable, lease: HeldLease): Promise<void> {
  const held = await tx.query(
    `SELECT FROM ${table} WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING' FOR UPDATE`,
    [lease.userId, lease.taskId, lease.token],
  );
  if (held.length === 0) throw new LeaseLostError();
}

/** How old a heartbeat may become while nothing else writes the row: hashing or storing a large file takes minutes. */
const HEARTBEAT_SECONDS = 10;

/**
 * Whether the task is still this worker's. Renews a heartbeat that has grown old, unless the row is being written
 * anyway, which renews it as well.
 */
export async function holdsLeased(
  services: Services,
  table: LeasedTable,
  lease: HeldLease,
): Promise<boolean> {
  const held = await services.database.query(
    `WITH held AS (
       SELECT heartbeat_at FROM ${table}
       WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING'
     ), quiet AS (
       SELECT user_id, id FROM ${table}
       WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING'
         AND heartbeat_at < now() - make_interval(secs => $4)
       FOR UPDATE SKIP LOCKED
     ), beat AS (
       UPDATE ${table} t SET heartbeat_at = now() FROM quiet WHERE t.user_id = quiet.user_id AND t.id = quiet.id
     )
     SELECT FROM held`,
    [lease.userId, lease.taskId, lease.token, HEARTBEAT_SECONDS],
  );
  return held.length > 0;
}
