import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Queue } from 'bullmq';
import type { RequestHandler } from 'express';

/**
 * Bull Board over the queue, for looking only: a job is begun and ended through the API, which keeps its task's row
 * true and writes down who did it. `path` is where it is mounted; who may see it is for the caller to check.
 */
export function createQueueBoard(queue: Queue, path: string): RequestHandler {
  const adapter = new ExpressAdapter().setBasePath(path);
  createBullBoard({
    queues: [new BullMQAdapter(queue, { readOnlyMode: true })],
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Sidecar' } },
  });
  return adapter.getRouter();
}
