import { compareMatches, type Match } from '../search/match.ts';

/** Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009, with their k. */
const FUSION_K = 60;

/** One list out of several, each the best first: a match scores the sum of 1 / (60 + its rank) over the lists that have it. */
export function fuseByRank(lists: Match[][]): Match[] {
  const fused = new Map<string, Match>();
  for (const list of lists) {
    for (const [index, { conversationId, nodeId }] of list.entries()) {
      const key = `${conversationId} ${nodeId}`;
      const score = (fused.get(key)?.score ?? 0) + 1 / (FUSION_K + index + 1);
      fused.set(key, { conversationId, nodeId, score });
    }
  }
  return [...fused.values()].toSorted(compareMatches);
}
