import { countVectors, reindexCheckpoint } from '../src/domain/reindex.ts';
import { indexSomeAnew, tidyIndex } from '../src/domain/search-index.ts';
import type { BackgroundHandler } from './background.ts';

/** Writes a user's search index anew, a few conversations at a time: all stay found meanwhile. */
export const reindex: BackgroundHandler<'REINDEX'> = async (services, { lease, signal, report, keep }) => {
  const { userId, input } = lease;
  let { last, done } = reindexCheckpoint.parse(lease.checkpoint) ?? { last: null, done: 0 };
  report({ done, total: await services.prisma.conversation.count({ where: { userId } }) });
  for (;;) {
    signal.throwIfAborted();
    const some = await indexSomeAnew(services, userId, last);
    if (!some) break;
    last = some.last;
    done += some.count;
    report({ done });
    await keep({ last, done });
  }
  await tidyIndex(services);
  const vectors = await countVectors(services, userId);
  const total = vectors.message + vectors.exchange + vectors.conversation;
  return input.layered
    ? { ok: true, layer_results: vectors, total_vectors: total }
    : { ok: true, vectors: total };
};
