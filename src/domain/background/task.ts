import { validate as isUuid, NIL, v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import type { BackgroundTask, BackgroundTaskStatus, Prisma } from '../../generated/prisma/client.ts';
import { type AuditAction, recordAudit } from '../audit.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { parseInput } from '../input.ts';
import { beyondTask, withoutCursor } from '../page.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { type BackgroundKind, backgroundInputs } from './kinds.ts';
import { announceBackground } from './lease.ts';

export type BackgroundTaskSelection = Pick<Prisma.BackgroundTaskFindFirstArgs, 'include' | 'select'>;

export interface BackgroundTaskFilter {
  kind?: BackgroundTask['kind'][] | null;
  status?: BackgroundTaskStatus[] | null;
}

export const backgroundJobId = (taskId: string) => `background-${taskId}`;

/** A task in one of these states never changes again, but for its file, which is removed in time. */
export const FINAL_BACKGROUND_STATUSES: readonly BackgroundTaskStatus[] = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
];

/**
 * Queues work for a user, of which one of a kind is unfinished at a time: who asks for the same again gets that one.
 * Throws a ConflictError, with that one, when it was asked for something else. The caller has asked for the scope;
 * `audit` is noted with the row.
 */
export async function startBackgroundTask<K extends BackgroundKind>(
  services: Services,
  viewer: Pick<Viewer, 'userId' | 'credential' | 'origin'>,
  kind: K,
  input: z.input<(typeof backgroundInputs)[K]>,
  options: { requestId?: string; audit?: { action: AuditAction; subject: string } } = {},
): Promise<BackgroundTask> {
  const { userId } = viewer;
  const asked = JSON.stringify(parseInput(backgroundInputs[kind], input));
  const { id, isNew } = await services.database.transaction(async (tx) => {
    // Of callers who come at the same time the second waits here, and while the account is being deleted.
    const [user] = await tx.query('SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE', [userId]);
    if (!user) throw new NotFoundError('account');
    const [present] = await tx.query<{ id: string; same: boolean }>(
      `SELECT id, input = $3::jsonb AS same FROM background_tasks
       WHERE user_id = $1 AND kind = $2::"BackgroundTaskKind" AND status IN ('QUEUED', 'RUNNING')`,
      [userId, kind, asked],
    );
    if (present && !present.same) throw new ConflictError(present.id, 'BackgroundTask');
    if (present) return { id: present.id, isNew: false };
    const id = uuidv7();
    await tx.query(
      `INSERT INTO background_tasks (user_id, id, kind, input) VALUES ($1, $2, $3::"BackgroundTaskKind", $4::jsonb)`,
      [userId, id, kind, asked],
    );
    if (options.audit) await recordAudit(tx, viewer, options.audit.action, options.audit.subject);
    return { id, isNew: true };
  });
  if (isNew) {
    const payload = { userId, taskId: id, requestId: options.requestId };
    await services.queue.enqueue('background', payload, backgroundJobId(id)).catch((error) => {
      services.logger.warn(
        { error, taskId: id },
        'the job of a new task was not queued; the reconciler will do it',
      );
    });
    await announceBackground(services, { userId, taskId: id }, 0);
  }
  return services.prisma.backgroundTask.findUniqueOrThrow({ where: { userId_id: { userId, id } } });
}

/** How far a task is: 0 to 1, and 1 only at the end; null while the total is unknown. */
export function fractionOf({
  status,
  done,
  total,
}: Pick<BackgroundTask, 'status' | 'done' | 'total'>): number | null {
  if (status === 'COMPLETED') return 1;
  return total === null ? null : Math.min(done / Math.max(total, 1), 0.999);
}

/** Null when there is none or it is somebody else's. */
export async function getBackgroundTask(
  services: Services,
  viewer: Viewer | null,
  id: string,
  selection: BackgroundTaskSelection = {},
): Promise<BackgroundTask | null> {
  requireScope(viewer, 'read');
  if (!isUuid(id)) return null;
  return services.prisma.backgroundTask.findFirst({ ...selection, where: { userId: viewer.userId, id } });
}

/** The viewer's tasks, newest first. `page` is what a Relay connection asks of Prisma. */
export async function listBackgroundTasks(
  services: Services,
  viewer: Viewer | null,
  filter: BackgroundTaskFilter,
  page: Prisma.BackgroundTaskFindManyArgs,
): Promise<BackgroundTask[]> {
  requireScope(viewer, 'read');
  return services.prisma.backgroundTask.findMany({
    ...withoutCursor(page),
    where: {
      AND: [tasksOf(viewer, filter), await beyondTask((id) => getBackgroundTask(services, viewer, id), page)],
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
  });
}

export async function countBackgroundTasks(
  services: Services,
  viewer: Viewer | null,
  filter: BackgroundTaskFilter,
): Promise<number> {
  requireScope(viewer, 'read');
  return services.prisma.backgroundTask.count({ where: tasksOf(viewer, filter) });
}

function tasksOf(viewer: Viewer, { kind, status }: BackgroundTaskFilter): Prisma.BackgroundTaskWhereInput {
  return {
    userId: viewer.userId,
    ...(kind ? { kind: { in: kind } } : {}),
    ...(status ? { status: { in: status } } : {}),
  };
}

/** The key under which a viewer's own task would stand; names no row when it is somebody else's. */
export function backgroundTaskKey(viewer: Viewer | null, id: string): Prisma.BackgroundTaskWhereUniqueInput {
  requireScope(viewer, 'read');
  return { userId_id: { userId: viewer.userId, id: isUuid(id) ? id : NIL } };
}
