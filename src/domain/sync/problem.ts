import type { Prisma, ProblemOutcome, SyncProblem } from '../../generated/prisma/client.ts';
import { beyond, ordinalKey, withoutCursor } from '../page.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';

/** A task's problems in order of appearance. `page` is what a Relay connection asks of Prisma. */
export async function listSyncProblems(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
  outcome: ProblemOutcome | null,
  page: Prisma.SyncProblemFindManyArgs,
): Promise<SyncProblem[]> {
  requireScope(viewer, 'read');
  const last = page.cursor?.userId_taskId_ordinal?.ordinal;
  return services.prisma.syncProblem.findMany({
    ...withoutCursor(page),
    where: {
      userId: viewer.userId,
      taskId,
      outcome: outcome ?? undefined,
      ordinal: beyond(ordinalKey, last, page, 'asc'),
    },
    orderBy: { ordinal: 'asc' },
  });
}
