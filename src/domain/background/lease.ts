import { randomUUID } from 'node:crypto';
import type { BackgroundTask } from '../../generated/prisma/client.ts';
import { type HeldLease, LeaseLostError } from '../lease.ts';
import { NEW_VERSION } from '../reading.ts';
import type { Services } from '../services.ts';
import { type BackgroundInput, type BackgroundKind, backgroundInputs, backgroundKinds } from './kinds.ts';

/** A task that was begun this often without a new checkpoint is given up. */
export const MAX_ATTEMPTS = 4;

/** A worker's right to write a task, and what it has to know of it. */
export interface BackgroundLease<K extends BackgroundKind = BackgroundKind> extends HeldLease {
  kind: K;
  input: BackgroundInput<K>;
  /** Where to go on, as the handler of this kind wrote it; null at the beginning. */
  checkpoint: unknown;
  /** Beginnings since the last checkpoint, this one included. */
  attempt: number;
}

/** Says that the row changed. A lost event costs a listener at most its next safety poll. */
export async function announceBackground(
  services: Services,
  { userId, taskId }: Pick<HeldLease, 'userId' | 'taskId'>,
  seq: number,
): Promise<void> {
  await services.events.publish('backgroundTask', userId, { taskId, seq }).catch((error) => {
    services.logger.warn({ error, taskId }, 'an event was not published');
  });
}

/**
 * Begins or resumes a task; null when it is over, is of a kind that this version does not know, or was given up here
 * because it only ever ended its workers, or because another version wrote what it was asked for.
 */
export async function claimBackgroundTask(
  services: Services,
  userId: string,
  taskId: string,
): Promise<BackgroundLease | null> {
  const token = randomUUID();
  const [row] = await services.database.query<{
    kind: BackgroundKind;
    seq: number;
    attempt: number;
    input: unknown;
    checkpoint: unknown;
  }>(
    `UPDATE background_tasks SET status = 'RUNNING', lease_token = $3, attempt = attempt + 1,
       started_at = coalesce(started_at, now()), heartbeat_at = now(), seq = seq + 1,
       done = CASE WHEN checkpoint IS NULL THEN 0 ELSE done END
     WHERE user_id = $1 AND id = $2 AND status IN ('QUEUED', 'RUNNING') AND kind = ANY($4::"BackgroundTaskKind"[])
     RETURNING kind, seq, attempt, input, checkpoint`,
    [userId, taskId, token, backgroundKinds],
  );
  if (!row) return null;
  const { kind, attempt, checkpoint } = row;
  const held = { userId, taskId, token };
  await announceBackground(services, held, row.seq);
  const input = backgroundInputs[kind].safeParse(row.input);
  if (input.success && attempt <= MAX_ATTEMPTS) {
    return { ...held, kind, attempt, checkpoint, input: input.data };
  }
  const error = input.success ? workerCrashed : inputUnreadable;
  await finishBackgroundTask(services, held, { error });
  return null;
}

const workerCrashed = {
  code: 'WORKER_CRASHED',
  message: `The task ended its worker ${MAX_ATTEMPTS} times without getting any further.`,
};

const inputUnreadable = {
  code: 'INPUT_UNREADABLE',
  message: 'This version of the server cannot read what the task was asked for. Ask for it again.',
};

/** What one write to the task's row may change. */
export interface BackgroundChange {
  done?: number;
  total?: number;
  /** From here on a beginning is no longer fruitless. */
  checkpoint?: object;
}

/** Writes the task's row and tells of it. Throws a LeaseLostError when it is not this worker's any more. */
export async function writeBackgroundTask(
  services: Services,
  lease: HeldLease,
  { done, total, checkpoint }: BackgroundChange,
): Promise<void> {
  const [row] = await services.database.query<{ seq: number }>(
    `UPDATE background_tasks SET seq = seq + 1, heartbeat_at = now(), done = coalesce($4, done),
       total = coalesce($5, total), checkpoint = coalesce($6::jsonb, checkpoint),
       attempt = CASE WHEN $6 IS NULL THEN attempt ELSE 1 END
     WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING' RETURNING seq`,
    [
      lease.userId,
      lease.taskId,
      lease.token,
      done ?? null,
      total ?? null,
      checkpoint ? JSON.stringify(checkpoint) : null,
    ],
  );
  if (!row) throw new LeaseLostError();
  await announceBackground(services, lease, row.seq);
}

/**
 * Ends the task: COMPLETED with what came of it, or FAILED with why it could not go on, when its file goes. A new file
 * takes the place of older ones of its kind, each of which may be as large as the account. Throws a LeaseLostError when
 * it is not this worker's any more.
 */
export async function finishBackgroundTask(
  services: Services,
  lease: HeldLease,
  outcome: { result: object } | { error: { code: string; message: string } },
): Promise<BackgroundTask['status']> {
  const error = 'error' in outcome ? outcome.error : null;
  const status = error ? 'FAILED' : 'COMPLETED';
  const [row] = await services.database.query<{ seq: number }>(
    `WITH ended AS (UPDATE background_tasks SET status = $4::"BackgroundTaskStatus", result = $5::jsonb, error_code = $6,
       error_message = $7, heartbeat_at = NULL, lease_token = NULL, checkpoint = NULL, finished_at = now(),
       seq = seq + 1, total = CASE WHEN $6::text IS NULL THEN done ELSE total END,
       expires_at = CASE WHEN $6::text IS NULL THEN expires_at ELSE least(expires_at, now()) END
     WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING'
       RETURNING seq, kind, status, file_sha256
     ), older AS (
       UPDATE background_tasks t SET expires_at = least(t.expires_at, now()), seq = t.seq + 1 FROM ended
       WHERE t.user_id = $1 AND t.id <> $2 AND t.kind = ended.kind AND t.status = 'COMPLETED'
         AND t.file_sha256 IS NOT NULL AND ended.status = 'COMPLETED' AND ended.file_sha256 IS NOT NULL
     ), noted AS (
       ${NEW_VERSION} AND EXISTS (SELECT FROM ended)
     )
     SELECT seq FROM ended`,
    [
      lease.userId,
      lease.taskId,
      lease.token,
      status,
      'result' in outcome ? JSON.stringify(outcome.result) : null,
      error?.code ?? null,
      error?.message ?? null,
    ],
  );
  if (!row) throw new LeaseLostError();
  services.metrics.taskEnded({ lane: 'background', status });
  await announceBackground(services, lease, row.seq);
  return status;
}

/** Gives a task back to the queue on shutdown, without using up an attempt. */
export async function releaseBackgroundTask(services: Services, lease: HeldLease): Promise<void> {
  const [row] = await services.database.query<{ seq: number }>(
    `UPDATE background_tasks SET status = 'QUEUED', lease_token = NULL, attempt = greatest(attempt - 1, 0), seq = seq + 1
     WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING' RETURNING seq`,
    [lease.userId, lease.taskId, lease.token],
  );
  if (row) await announceBackground(services, lease, row.seq);
}
