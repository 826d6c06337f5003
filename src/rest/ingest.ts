import { z } from 'zod';
import { encodeId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import { type IngestInput, ingestInput, startIngest, waitForTask } from '../domain/sync/ingest.ts';
import type { SyncTask } from '../generated/prisma/client.ts';
import type { Call, Route } from './router.ts';

const fieldNames = { rootPath: 'root_path' };

const about = {
  details:
    'For the owner alone. The path is below INGEST_ROOT. Waits up to 25 seconds for the end of the import; then the counts are those so far, and the task goes on.',
  scope: 'write',
  body: ingestInput,
  errors: ['NOT_FOUND', 'CONFLICT', 'TOO_MANY_REQUESTS'],
} satisfies Partial<Route['about']>;

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
      answer: z.strictObject({ imported_conversations: z.int(), task_id: z.string() }),
    },
    fieldNames,
    async handle(services, call) {
      const task = await ingest(services, call);
      return {
        body: { imported_conversations: task.added + task.updated, task_id: encodeId('SyncTask', task.id) },
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
        task_id: z.string(),
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
          task_id: encodeId('SyncTask', task.id),
        },
      };
    },
  },
];
