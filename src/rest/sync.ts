import { fractionOf, getBackgroundTask } from '../domain/background/task.ts';
import { NotFoundError } from '../domain/errors.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import { type ConfigureSyncInput, configureSync, getSyncSettings } from '../domain/sync/config.ts';
import {
  countSyncTasks,
  FINAL_STATUSES,
  getSyncTask,
  listSyncTasks,
  parseHistoryLimit,
  queuePosition,
  type StartSyncInput,
  startSync,
} from '../domain/sync/task.ts';
import { refuseUpload, uploadArchive } from '../domain/sync/upload.ts';
import type { BackgroundTask, SyncTask } from '../generated/prisma/client.ts';
import { refuseEncoded } from './errors.ts';
import { isMultipart, openFilePart } from './multipart.ts';
import type { Route } from './router.ts';
import * as descriptions from './sync-descriptions.ts';

const taskId = (task: SyncTask) => encodeId('SyncTask', task.id);

export const syncRoutes: Route[] = [
  {
    method: 'get',
    path: '/sync/config',
    about: descriptions.readConfig,
    async handle(services, { viewer }) {
      const settings = await getSyncSettings(services, viewer);
      return {
        body: {
          sync_enabled: settings.enabled,
          sync_frequency_hours: settings.frequencyHours,
          has_export_url: settings.hasExportUrl,
          last_sync_at: settings.lastSyncAt,
          next_sync_at: settings.nextSyncAt,
          failures_in_a_row: settings.failuresInARow,
          last_failure: settings.lastFailure,
          paused_at: settings.pausedAt,
          pause_reason: settings.pauseReason,
          created_at: settings.createdAt,
          updated_at: settings.updatedAt,
        },
      };
    },
  },
  {
    method: 'post',
    path: '/sync/config',
    about: descriptions.writeConfig,
    fieldNames: {
      enabled: 'sync_enabled',
      exportUrl: 'chatgpt_export_url',
      frequencyHours: 'sync_frequency_hours',
    },
    async handle(services, { viewer, body }) {
      const settings = await configureSync(services, viewer, {
        enabled: body.sync_enabled,
        exportUrl: body.chatgpt_export_url,
        frequencyHours: body.sync_frequency_hours ?? 24,
      } as ConfigureSyncInput);
      return {
        body: {
          status: 'success',
          message: settings.enabled ? 'Syncing is on.' : 'Syncing is off.',
          config: {
            sync_enabled: settings.enabled,
            sync_frequency_hours: settings.frequencyHours,
            has_export_url: settings.hasExportUrl,
          },
        },
      };
    },
  },
  {
    method: 'post',
    path: '/sync/manual',
    about: descriptions.manual,
    fieldNames: { exportUrl: 'export_url' },
    async handle(services, { viewer, body, requestId }) {
      const input = { exportUrl: body.export_url } as StartSyncInput;
      const task = await startSync(services, viewer, input, requestId);
      return {
        status: 202,
        body: { status: task.status, message: 'The sync is queued.', task_id: taskId(task) },
      };
    },
  },
  {
    method: 'post',
    path: '/sync/upload',
    about: descriptions.upload,
    readsStream: true,
    async handle(services, { viewer, query, headers, stream, requestId }) {
      await refuseUpload(services, viewer);
      refuseEncoded(headers);
      const part = isMultipart(headers)
        ? await openFilePart(headers, stream)
        : { fileName: null, content: stream };
      const named = typeof query.file_name === 'string' ? query.file_name : part.fileName;
      const fileName = named ?? 'upload.zip';
      const task = await uploadArchive(services, viewer, { fileName, content: part.content, requestId });
      return {
        status: 202,
        body: { status: task.status, message: 'The import is queued.', task_id: taskId(task) },
      };
    },
  },
  {
    method: 'get',
    path: '/sync/history',
    about: descriptions.history,
    async handle(services, { viewer, query }) {
      const [tasks, total] = await Promise.all([
        listSyncTasks(services, viewer, {}, { take: parseHistoryLimit(query.limit) }),
        countSyncTasks(services, viewer, {}),
      ]);
      return { body: { history: tasks.map(toHistoryEntry), total_syncs: total } };
    },
  },
  {
    method: 'get',
    path: '/sync/status/:taskId',
    about: descriptions.status,
    async handle(services, { viewer, params }) {
      const id = params.taskId ?? '';
      const task = await getSyncTask(services, viewer, localId('SyncTask', id));
      if (!task) {
        const other = await getBackgroundTask(services, viewer, localId('BackgroundTask', id));
        if (other) return { body: toBackgroundStatus(other) };
        throw new NotFoundError('sync task');
      }
      return {
        body: {
          task_id: taskId(task),
          status: task.status,
          result: FINAL_STATUSES.includes(task.status) ? toResult(task) : null,
          info: toInfo(task, await queuePosition(services, task)),
        },
      };
    },
  },
];

function toHistoryEntry(task: SyncTask) {
  return {
    sync_id: taskId(task),
    sync_type: task.trigger.toLowerCase(),
    status: task.status,
    started_at: task.startedAt,
    completed_at: task.finishedAt,
    error_message: task.errorMessage,
    files_processed: task.filesProcessed,
    conversations_added: task.added,
    conversations_updated: task.updated,
    conversations_unchanged: task.unchanged,
    conversations_failed: task.failed,
  };
}

/** The kinds of work that count conversations. */
const CONVERSATION_KINDS: BackgroundTask['kind'][] = ['REINDEX', 'CONVERSATION_EXPORT'];

/** The same for work that is no sync, with what is of its own beside. */
function toBackgroundStatus({ id, kind, status, result, ...task }: BackgroundTask) {
  const { done, total, errorCode, errorMessage } = task;
  const countsConversations = CONVERSATION_KINDS.includes(kind);
  return {
    task_id: encodeId('BackgroundTask', id),
    status,
    result,
    info: {
      phase: phaseOf(kind, status),
      fraction: fractionOf({ status, done, total }) ?? 0,
      bytes_done: 0,
      bytes_total: 0,
      conversations_done: countsConversations ? done : 0,
      conversations_total: countsConversations ? total : null,
      per_second: null,
      eta_seconds: null,
      queue_position: null,
      kind,
      done,
      total,
      error: errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' },
    },
  };
}

function phaseOf(kind: BackgroundTask['kind'], status: BackgroundTask['status']): SyncTask['phase'] {
  if (status === 'QUEUED') return 'WAITING';
  if (status !== 'RUNNING') return 'DONE';
  return kind === 'REINDEX' || kind === 'EMBEDDING' ? 'INDEXING' : 'READING';
}

function toResult(task: SyncTask) {
  return {
    added: task.added,
    updated: task.updated,
    unchanged: task.unchanged,
    skipped: task.skipped,
    failed: task.failed,
    messages_added: task.messagesAdded,
    assets_added: task.assetsAdded,
  };
}

function toInfo(task: SyncTask, position: number | null) {
  return {
    phase: task.phase,
    fraction: task.fraction,
    bytes_done: Number(task.bytesDone),
    bytes_total: Number(task.bytesTotal),
    conversations_done: task.conversationsDone,
    conversations_total: task.conversationsTotal,
    per_second: task.perSecond,
    eta_seconds: task.etaSeconds,
    queue_position: position,
  };
}
