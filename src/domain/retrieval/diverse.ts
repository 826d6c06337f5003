import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { type DiverseInput, diverseInput } from './input.ts';
import { type Found, findMessages, type Passage, toPassages } from './passages.ts';
import { similarity, weighTerms } from './term-weights.ts';

/**
 * The `k` of the best `candidates` that say the most together: each relevant, and none like those before it. Throws an
 * InvalidInputError and a TooManyRequestsError.
 */
export async function searchDiverse(
  services: Services,
  viewer: Viewer | null,
  input: DiverseInput,
): Promise<Passage[]> {
  requireScope(viewer, 'read');
  const { query, k, candidates, lambda } = parseInput(diverseInput, input);
  const { hits } = await findMessages(services, viewer, query, candidates);
  return toPassages(services, viewer, query, chooseDiverse(hits, k, lambda));
}

/**
 * Maximal marginal relevance: Carbonell and Goldstein, SIGIR 1998. The next is always the one with the greatest
 * lambda * relevance - (1 - lambda) * likeness, where relevance is the score as a share of the best one, and likeness the
 * greatest cosine with one that was already taken.
 */
function chooseDiverse(found: Found[], k: number, lambda: number): Found[] {
  const best = Math.max(...found.map(({ score }) => score), Number.MIN_VALUE);
  const terms = weighTerms(
    found.map(({ message, conversation }) => `${conversation.title}\n${message.text}`),
  );
  const likeness = found.map(() => 0);
  const left = new Set(found.keys());
  const chosen: Found[] = [];
  const gainOf = (index: number) =>
    lambda * ((found[index]?.score ?? 0) / best) - (1 - lambda) * (likeness[index] ?? 0);
  while (chosen.length < k && left.size > 0) {
    const next = [...left].reduce((a, b) => (gainOf(b) > gainOf(a) ? b : a));
    left.delete(next);
    const taken = found[next];
    const own = terms[next];
    if (!taken || !own) continue;
    chosen.push(taken);
    for (const index of left) {
      const other = terms[index];
      if (other) likeness[index] = Math.max(likeness[index] ?? 0, similarity(own, other));
    }
  }
  return chosen;
}
