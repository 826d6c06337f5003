import { z } from 'zod';
import { encodeId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import { type IngestInput, ingestInput, startIngest, waitForTask } from '../domain/sync/ingest.ts';
import type { SyncTask } from '../generated/prisma/client.ts';
import type { Call, Route } from './router.ts';
import { taskStatuses } from './sync-descriptions.ts';

const fieldNames = { rootPath: 'root_path' };

const about = {
  details:
    'For the owner alone. The path is below INGEST_ROOT. Waits up to 25 seconds for the end of the import; then the counts are those so far, and the task goes on. `status` tells which of the two it was, and whether the import failed.',
  scope: 'write',
  body: ingestInput,
  errors: ['NOT_FOUND', 'CONFLICT', 'TOO_MANY_REQUESTS', 'UNAVAILABLE'],
} satisfies Partial<Route['about']>;

/** How the import stands: 0 conversations may be all that there is, or all that a broken file gave. */
const outcome = {
  task_id: z.string(),
  status: z.enum(taskStatuses).meta({ description: 'QUEUED or RUNNING: it goes on.' }),
  detail: z.string().nullable().meta({ description: 'What was wrong, for a person; null when nothing was.' }),
};

const outcomeOf = (task: SyncTask) => ({
  task_id: encodeId('SyncTask', task.id),
  status: task.status,
  detail: task.errorMessage,
});

/** Answers when the import is over, or with the counts so far when that takes long: the task goes on. */
async function ingest(services: Services, { viewer, body, requestId }: Call): Promise<SyncTask> {
  const input = { rootPath: body.root_path } as IngestInput;
  return waitForTask(services, viewer, await startIngest(services, viewer, input, requestId));
}

export const ingestRoutes: Route[] = [
  {
    method: 'post',
    path: '/ingest/chatgpt-export',
    about: {
      ...about,
      summary: 'Import a zip or folder of the server.',
      answer: z.strictObject({ imported_conversations: z.int(), ...outcome }),
    },
    fieldNames,
    async handle(services, call) {
      const task = await ingest(services, call);
      return {
        body: { imported_conversations: task.added + task.updated, ...outcomeOf(task) },
      };
    },
  },
  {
    method: 'post',
    path: '/ingest/chatgpt-export-multi-layer',
    about: {
      ...about,
      summary: 'The same, counted by the layers of /search-multi-layer.',
      answer: z.strictObject({
        conversations_processed: z.int(),
        chunks_by_layer: z.strictObject({ message: z.int(), exchange: z.int(), conversation: z.int() }),
        total_chunks: z.int(),
        ...outcome,
      }),
    },
    fieldNames,
    async handle(services, call) {
      const task = await ingest(services, call);
      // Each message stands for itself and, with its neighbours, for an exchange.
      const layers = {
        message: task.messagesAdded,
        exchange: task.messagesAdded,
        conversation: task.added + task.updated,
      };
      return {
        body: {
          conversations_processed: task.conversationsDone,
          chunks_by_layer: layers,
          total_chunks: layers.message + layers.exchange + layers.conversation,
          ...outcomeOf(task),
        },
      };
    },
  },
];
