import { jobIdOf } from '../../src/domain/sync/task.ts';
import type { TestServer, TestUser } from './server.ts';
import { until } from './until.ts';

/** Leaves a user's search index as a migration does, or a task that was broken off: empty, and all waits for it. */
export async function emptyIndex({ services }: TestServer, { viewer: { userId } }: TestUser): Promise<void> {
  const tasks = await services.prisma.syncTask.findMany({ where: { userId } });
  // A job looks once more for what waits after its task is over.
  for (const { id } of tasks) {
    await until('the job is over', async () => !(await services.queue.isAlive(jobIdOf(id))));
  }
  await services.database.query('DELETE FROM message_search WHERE user_id = $1', [userId]);
  await services.database.query('UPDATE conversations SET search_pending = true WHERE user_id = $1', [
    userId,
  ]);
}
