import { encodeId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import { type IngestInput, startIngest, waitForTask } from '../domain/sync/ingest.ts';
import type { SyncTask } from '../generated/prisma/client.ts';
import type { Call, Route } from './router.ts';

const fieldNames = { rootPath: 'root_path' };

/** Answers when the import is over, or with the counts so far when that takes long: the task goes on. */
async function ingest(services: Services, { viewer, body, requestId }: Call): Promise<SyncTask> {
  const input = { rootPath: body.root_path } as IngestInput;
  return waitForTask(services, viewer, await startIngest(services, viewer, input, requestId));
}

export const ingestRoutes: Route[] = [
  {
    method: 'post',
    path: '/ingest/chatgpt-export',
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
