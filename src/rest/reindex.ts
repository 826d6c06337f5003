import { z } from 'zod';
import { encodeId } from '../domain/global-id.ts';
import { startReindex } from '../domain/reindex.ts';
import type { Services } from '../domain/services.ts';
import type { Answer, Call, Route } from './router.ts';

const about = {
  details: 'The task goes on by itself; `result` of GET /sync/status/{taskId} is what came of it.',
  scope: 'admin',
  status: 202,
  answer: z.strictObject({ ok: z.literal(true), task_id: z.string() }),
  errors: ['CONFLICT', 'TOO_MANY_REQUESTS'],
} satisfies Partial<Route['about']>;

async function reindex(services: Services, { viewer, requestId }: Call, layered: boolean): Promise<Answer> {
  const task = await startReindex(services, viewer, { layered, requestId });
  return { status: 202, body: { ok: true, task_id: encodeId('BackgroundTask', task.id) } };
}

export const reindexRoutes: Route[] = [
  {
    method: 'post',
    path: '/reindex',
    about: { ...about, summary: 'Write your search index anew; the result is `{ok, vectors}`.' },
    handle: (services, call) => reindex(services, call, false),
  },
  {
    method: 'post',
    path: '/reindex-multi-layer',
    about: { ...about, summary: 'The same; the result is `{ok, layer_results, total_vectors}`.' },
    handle: (services, call) => reindex(services, call, true),
  },
];
