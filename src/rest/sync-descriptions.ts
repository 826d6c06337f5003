/** What GET /openapi.json says of the routes in sync.ts. */
import { z } from 'zod';
import { configureSyncInput } from '../domain/sync/config.ts';
import { historyInput, startSyncInput } from '../domain/sync/task.ts';
import type { RouteDescription } from './openapi/description.ts';

export const taskStatuses = [
  'QUEUED',
  'RUNNING',
  'COMPLETED',
  'PARTIAL',
  'FAILED',
  'CANCELLED',
  'UNDONE',
] as const;

const moment = z.iso.datetime();
const count = z.int().min(0);

const settings = {
  sync_enabled: z.boolean(),
  sync_frequency_hours: z.int(),
  has_export_url: z.boolean(),
};

export const readConfig: RouteDescription = {
  summary: 'The sync settings.',
  details: 'The export URL itself is never given back.',
  scope: 'read',
  answer: z.strictObject({
    ...settings,
    last_sync_at: moment.nullable(),
    next_sync_at: moment.nullable().meta({ description: 'Null when nothing is due: off, or paused.' }),
    failures_in_a_row: count,
    last_failure: z.string().nullable(),
    paused_at: moment.nullable(),
    pause_reason: z.string().nullable(),
    created_at: moment,
    updated_at: moment,
  }),
};

export const writeConfig: RouteDescription = {
  summary: 'Change the sync settings.',
  details:
    'Without `chatgpt_export_url` the present one stays, and null removes it. `sync_frequency_hours` is 24 unless told.',
  scope: 'write',
  body: configureSyncInput,
  answer: z.strictObject({ status: z.string(), message: z.string(), config: z.strictObject(settings) }),
};

const started = z.strictObject({
  status: z.string(),
  message: z.string(),
  task_id: z.string().meta({ description: 'For GET /sync/status/{taskId}.' }),
});

export const manual: RouteDescription = {
  summary: 'Start a sync.',
  details: 'From the configured URL unless the body has one.',
  scope: 'write',
  body: startSyncInput,
  status: 202,
  answer: started,
  errors: ['NO_EXPORT_URL', 'CONFLICT', 'TOO_MANY_REQUESTS'],
};

export const upload: RouteDescription = {
  summary: 'Import an export that is sent.',
  details:
    'The zip is the body, or the part `file` of a form, with at most nine other files before it; without Content-Encoding. For a resumable upload speak tus 1.0 with /sync/upload/resumable.',
  scope: 'write',
  query: z.object({
    file_name: z.string().optional().meta({ description: 'Shown in the history; `upload.zip` without it.' }),
  }),
  status: 202,
  answer: started,
  errors: ['CONFLICT', 'TOO_LARGE', 'TOO_MANY_REQUESTS', 'NO_SPACE'],
};

export const history: RouteDescription = {
  summary: 'Your last syncs, the newest first.',
  scope: 'read',
  query: historyInput,
  answer: z.strictObject({
    history: z.array(
      z.strictObject({
        sync_id: z.string(),
        sync_type: z.enum(['manual', 'scheduled', 'upload']),
        status: z.string(),
        started_at: moment.nullable(),
        completed_at: moment.nullable(),
        error_message: z.string().nullable(),
        files_processed: count,
        conversations_added: count,
        conversations_updated: count,
        conversations_unchanged: count,
        conversations_failed: count,
      }),
    ),
    total_syncs: count,
  }),
};

const syncResult = z.strictObject({
  added: count,
  updated: count,
  unchanged: count,
  skipped: count,
  failed: count,
  messages_added: count,
  assets_added: count,
});

const reindexResult = z.strictObject({ ok: z.literal(true), vectors: count });

const layeredReindexResult = z.strictObject({
  ok: z.literal(true),
  layer_results: z.strictObject({ message: count, exchange: count, conversation: count }),
  total_vectors: count,
});

const syncInfo = z.strictObject({
  phase: z.enum(['WAITING', 'DOWNLOADING', 'READING', 'IMPORTING', 'INDEXING', 'DONE']),
  fraction: z.number(),
  bytes_done: count,
  bytes_total: count,
  conversations_done: count,
  conversations_total: count.nullable(),
  per_second: z.number().nullable(),
  eta_seconds: z.number().nullable(),
  queue_position: count
    .nullable()
    .meta({ description: 'Tasks before this one; null when it does not wait.' }),
});

const backgroundInfo = z.strictObject({
  ...syncInfo.shape,
  kind: z.string().meta({ description: 'What it does, such as `REINDEX`.' }),
  done: count,
  total: count.nullable(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
});

export const status: RouteDescription = {
  summary: 'Where a sync or another task stands.',
  details:
    'Takes ids of syncs and of other work, such as /reindex. `result` is null until the task is over: then a sync has its counts, and other work what came of it, or null when it failed.',
  scope: 'read',
  answer: z.strictObject({
    task_id: z.string(),
    status: z.enum(taskStatuses),
    result: z
      .union([syncResult, reindexResult, layeredReindexResult, z.record(z.string(), z.unknown())])
      .nullable(),
    info: z.union([syncInfo, backgroundInfo]),
  }),
};
