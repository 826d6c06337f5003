import { validate as isUuid, NIL, v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { Prisma, SyncStatus, SyncTask, SyncTrigger } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { ConflictError, NoExportUrlError } from '../errors.ts';
import { parseInput } from '../input.ts';
import { beyondTask, withoutCursor } from '../page.ts';
import type { Services, Transaction } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { configuredExportUrl } from './config.ts';
import { readSyncTask, SYNC_TASK_COLUMNS, type SyncTaskRow, toSyncTask } from './one-task.ts';
import { formatOrigin } from './origin.ts';

export type SyncTaskSelection = Pick<Prisma.SyncTaskFindFirstArgs, 'include' | 'select'>;

/** A task in one of these states never changes again by itself. */
export const FINAL_STATUSES: readonly SyncStatus[] = [
  'COMPLETED',
  'PARTIAL',
  'FAILED',
  'CANCELLED',
  'UNDONE',
];

export const startSyncInput = z.strictObject({ exportUrl: z.string().min(1).max(8_192).nullish() });
export type StartSyncInput = z.input<typeof startSyncInput>;

export const jobIdOf = (taskId: string) => `sync-${taskId}`;
export const taskSealContext = (taskId: string) => `sync_tasks/${taskId}`;

/**
 * Queues a sync of `exportUrl`, or of the configured one. Throws an InvalidInputError when neither is usable and a
 * ConflictError, with the running task, when one of the viewer's is not over yet, and a TooManyRequestsError.
 */
export async function startSync(
  services: Services,
  viewer: Viewer | null,
  input: StartSyncInput,
  requestId?: string,
): Promise<SyncTask> {
  requireScope(viewer, 'write');
  await services.limits.spend('sync', viewer);
  const { exportUrl } = parseInput(startSyncInput, input);
  return startFetch(services, viewer, { trigger: 'MANUAL', exportUrl: exportUrl ?? null, requestId });
}

/** The same for what need not ask, such as a schedule: spends nothing. `exportUrl` null is the configured one. */
export async function startFetch(
  services: Services,
  viewer: Viewer,
  fetch: { trigger: SyncTrigger; exportUrl: string | null } & Pick<NewTask, 'requestId' | 'also'>,
): Promise<SyncTask> {
  const { trigger, requestId, also } = fetch;
  const exportUrl = fetch.exportUrl ?? (await configuredExportUrl(services, viewer.userId));
  if (!exportUrl) throw new NoExportUrlError();
  services.downloads.check(exportUrl);

  const id = uuidv7();
  return createTask(services, viewer, {
    id,
    trigger,
    source: describeSource(exportUrl),
    sourceSealed: services.secrets.seal(formatOrigin({ kind: 'url', url: exportUrl }), taskSealContext(id)),
    requestId,
    also,
  });
}

interface NewTask {
  id: string;
  trigger: SyncTrigger;
  source: string;
  /** Null when the archive is already in the workspace. */
  sourceSealed: Uint8Array | null;
  requestId?: string;
  /** Belongs into the transaction that makes the task: when it throws, there is none. */
  also?(tx: Transaction): Promise<void>;
}

/**
 * Throws a ConflictError, with the unfinished task, when the viewer has one. Once the task is committed nothing fails any
 * more, and any other error tells only that it may not be there.
 */
export async function createTask(services: Services, viewer: Viewer, task: NewTask): Promise<SyncTask> {
  const { userId } = viewer;
  const { id } = task;
  let created = await insertTask(services, viewer, task);
  while (!created) {
    await refuseSecondTask(services, userId);
    created = await insertTask(services, viewer, task);
  }
  await enqueueTask(services, userId, id, task.requestId);
  await services.events.publish('syncTask', userId, { taskId: id, seq: 0 }).catch((error) => {
    services.logger.warn({ error, taskId: id }, 'the event of a new task was not published');
  });
  return created;
}

/** Null when the viewer has an unfinished task: the unique index over these decides between callers who come at the same time. */
function insertTask(services: Services, viewer: Viewer, task: NewTask): Promise<SyncTask | null> {
  return services.database.transaction(async (tx) => {
    const [row] = await tx.query<SyncTaskRow>(
      `INSERT INTO sync_tasks AS t (user_id, id, trigger, source, source_sealed)
       VALUES ($1, $2, $3::"SyncTrigger", $4, $5)
       ON CONFLICT (user_id) WHERE status IN ('QUEUED', 'RUNNING') DO NOTHING RETURNING ${SYNC_TASK_COLUMNS}`,
      [viewer.userId, task.id, task.trigger, task.source, task.sourceSealed],
    );
    if (!row) return null;
    await task.also?.(tx);
    await recordAudit(tx, viewer, 'sync.started', task.source);
    return toSyncTask(row);
  });
}

/** Throws a ConflictError when the user has an unfinished task. */
export async function refuseSecondTask(services: Services, userId: string): Promise<void> {
  const running = await services.prisma.syncTask.findFirst({
    where: { userId, status: { in: ['QUEUED', 'RUNNING'] } },
  });
  if (running) throw new ConflictError(running.id);
}

/** The row is committed by now: should the queue not answer, the reconciler adds the job later. */
export async function enqueueTask(
  services: Services,
  userId: string,
  taskId: string,
  requestId?: string,
): Promise<void> {
  await services.queue.enqueue('sync', { userId, taskId, requestId }, jobIdOf(taskId)).catch((error) => {
    services.logger.warn(
      { error, taskId },
      'the job of a new task was not queued; the reconciler will do it',
    );
  });
}

/** Null when there is none or it is somebody else's. */
export async function getSyncTask(
  services: Services,
  viewer: Viewer | null,
  id: string,
  selection: SyncTaskSelection = {},
): Promise<SyncTask | null> {
  requireScope(viewer, 'read');
  if (!isUuid(id)) return null;
  const { include, select } = selection;
  // Prisma only where a selection joins something: for one plain row it costs more than the statement itself.
  if (!include && !select) return readSyncTask(services, { userId: viewer.userId, id: id.toLowerCase() });
  return services.prisma.syncTask.findFirst({ ...selection, where: { userId: viewer.userId, id } });
}

export const historyInput = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(10) });

/** How many tasks a history is asked for. Throws an InvalidInputError. */
export const parseHistoryLimit = (limit: unknown) => parseInput(historyInput, { limit }).limit;

/** Which of the viewer's tasks a history holds. */
function syncTasksOf(viewer: Viewer, filter: { status?: SyncStatus[] | null }): Prisma.SyncTaskWhereInput {
  return { userId: viewer.userId, ...(filter.status ? { status: { in: filter.status } } : {}) };
}

/** The viewer's tasks, newest first. `page` is what a Relay connection asks of Prisma. */
export async function listSyncTasks(
  services: Services,
  viewer: Viewer | null,
  filter: { status?: SyncStatus[] | null },
  page: Prisma.SyncTaskFindManyArgs,
): Promise<SyncTask[]> {
  requireScope(viewer, 'read');
  return services.prisma.syncTask.findMany({
    ...withoutCursor(page),
    where: {
      AND: [syncTasksOf(viewer, filter), await beyondTask((id) => getSyncTask(services, viewer, id), page)],
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
  });
}

export async function countSyncTasks(
  services: Services,
  viewer: Viewer | null,
  filter: { status?: SyncStatus[] | null },
): Promise<number> {
  requireScope(viewer, 'read');
  return services.prisma.syncTask.count({ where: syncTasksOf(viewer, filter) });
}

/** How many tasks of anybody wait before this one; null when it does not wait. */
export async function queuePosition(services: Services, task: SyncTask): Promise<number | null> {
  if (task.status !== 'QUEUED') return null;
  return services.prisma.syncTask.count({ where: { status: 'QUEUED', queuedAt: { lt: task.queuedAt } } });
}

/** Host and file name: enough to recognise an export, too little to fetch it. */
function describeSource(exportUrl: string): string {
  const url = new URL(exportUrl);
  const fileName = url.pathname.split('/').at(-1) ?? '';
  return fileName === '' ? url.host : `${url.host} ${fileName.slice(0, 100)}`;
}

/** The key under which a viewer's own task would stand; names no row when it is somebody else's. */
export function syncTaskKey(viewer: Viewer | null, id: string): Prisma.SyncTaskWhereUniqueInput {
  requireScope(viewer, 'read');
  return { userId_id: { userId: viewer.userId, id: isUuid(id) ? id : NIL } };
}

/** Whether an error is the unique index over unfinished tasks saying that the user has another one. */
export function isSecondTask(error: unknown): boolean {
  const { code, constraint } = (error ?? {}) as { code?: string; constraint?: string };
  return code === '23505' && constraint === 'sync_tasks_one_active';
}
