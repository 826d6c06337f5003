import type { Conversation, Message } from '../../generated/prisma/client.ts';
import { foldWord } from '../../text/fold.ts';
import { readNeighbours } from '../conversation/neighbours.ts';
import { hasMeaning, requireMeaning } from '../embedding/availability.ts';
import type { SearchMode } from '../embedding/find.ts';
import { SemanticSearchUnavailableError } from '../errors.ts';
import { findAnyOf, holds, type ReadHit } from '../retrieval/any-of.ts';
import { type SearchHit, search, searchPage } from '../search.ts';
import type { Services } from '../services.ts';
import type { Viewer } from '../viewer.ts';
import type { Neighbour } from './citation.ts';
import { contentWordsOf, questionWordsOf, searchQueryOf, termsOf } from './question.ts';

/** A message that may hold the answer, and what was said around it. */
export interface Finding {
  message: Message;
  conversation: Conversation;
  score: number;
  before: Neighbour | null;
  after: Neighbour | null;
}

/** Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009, with their k. */
const FUSION_K = 60;

/** What a person could have seen. */
const READABLE = ['VISIBLE', 'TOOL'] as const;

/** A follow-up with fewer words of meaning says nothing without the question before. */
const TELLING_WORDS = 3;

/** Of a question, so much is asked for by meaning. */
const MAX_QUERY_CHARACTERS = 1_000;

/** Of these, so many of the best are looked at. */
const MAX_CANDIDATES = 60;

/**
 * The `k` messages of the viewer that fit a question best: those that hold all of its words, those that hold the most
 * telling ones, on a follow-up those that hold words of the question before as well, and those that are nearest in
 * meaning, as `mode` says. Their lists are fused by rank. Throws a SemanticSearchUnavailableError.
 */
export async function retrieve(
  services: Services,
  viewer: Viewer,
  {
    query,
    previous,
    k,
    mode = 'AUTO',
  }: { query: string; previous: string | null; k: number; mode?: SearchMode },
): Promise<Finding[]> {
  if (mode === 'SEMANTIC' || mode === 'HYBRID') requireMeaning(services);
  // "And how long is it?" finds only what it should not.
  const isVague = [...contentWordsOf(query)].length < TELLING_WORDS;
  const alone = [() => findAll(services, viewer, query), () => findSome(services, viewer, [query])];
  const together = () => findSome(services, viewer, [query, previous ?? '']);
  const byWords = previous === null ? alone : isVague ? [together] : [...alone, together];
  const byMeaning =
    mode === 'KEYWORD' || !hasMeaning(services)
      ? []
      : [
          findByMeaning(
            services,
            viewer,
            isVague && previous !== null ? `${previous} ${query}` : query,
            mode,
          ),
        ];
  const lists = await Promise.all([
    ...byMeaning,
    ...(mode === 'SEMANTIC' ? [] : byWords).map((find) => find()),
  ]);
  const fused = new Map<string, Finding>();
  for (const list of lists) {
    for (const [index, { message, conversation }] of list.entries()) {
      const key = keyOf(message);
      const score = (fused.get(key)?.score ?? 0) + 1 / (FUSION_K + index + 1);
      fused.set(key, { message, conversation, score, before: null, after: null });
    }
  }
  const best = [...fused.values()].toSorted((a, b) => b.score - a.score).slice(0, k);
  return addNeighbours(services, viewer, best);
}

const findAll = async (services: Services, viewer: Viewer, query: string) =>
  (await searchReadable(services, viewer, searchQueryOf(termsOf([query]), 'all'))).hits;

/** Those with any of the texts' words. */
async function findSome(services: Services, viewer: Viewer, texts: string[]): Promise<SearchHit[]> {
  const read = await findAnyOf(termsOf(texts), (terms) =>
    searchReadable(services, viewer, searchQueryOf(terms, 'any')),
  );
  return byTellingWords(read, texts);
}

/** The best of what a person could have seen, each once, and whether there is more than the search ranks. */
async function searchReadable(
  services: Services,
  viewer: Viewer,
  query: string | null,
): Promise<{ hits: SearchHit[]; isCapped: boolean }> {
  if (query === null) return { hits: [], isCapped: false };
  const filter = { kind: [...READABLE] };
  const asked = { query, mode: 'KEYWORD', filter, limit: MAX_CANDIDATES } as const;
  const { hits, isCapped } = await searchPage(services, viewer, asked);
  // For a title the search answers the first message, whatever its kind, and once more.
  const readable = hits.filter(
    ({ message }, index) =>
      READABLE.some((kind) => kind === message.kind) &&
      hits.findIndex((hit) => keyOf(hit.message) === keyOf(message)) === index,
  );
  return { hits: readable, isCapped };
}

/** Those nearest in meaning; none, where others were found by words, while the model does not answer. */
async function findByMeaning(
  services: Services,
  viewer: Viewer,
  question: string,
  mode: SearchMode,
): Promise<SearchHit[]> {
  // A question has no operators: a dash in it is a dash.
  const query = question.replaceAll(/(?<=^|\s)-+/g, '').slice(0, MAX_QUERY_CHARACTERS);
  if (query.trim() === '') return [];
  const filter = { kind: [...READABLE] };
  try {
    return await search(services, viewer, { query, mode: 'SEMANTIC', filter, limit: MAX_CANDIDATES });
  } catch (error) {
    if (mode === 'AUTO' && error instanceof SemanticSearchUnavailableError) return [];
    throw error;
  }
}

/**
 * Those first that hold the words which few of the others hold: the search ranks by how often and how close words stand,
 * and a question has words that say little. In equal cases the search's own order stays.
 */
function byTellingWords(read: ReadHit<SearchHit>[], texts: string[]): SearchHit[] {
  // Each once, and as it stands in texts: a text is not folded so far that ß is ss.
  const given = texts.flatMap((text) =>
    questionWordsOf(text).map((word): [string, string] => [foldWord(word), word]),
  );
  const words = [...new Map(given).values()];
  const held = read.map((each) => ({ hit: each.hit, words: words.filter((word) => holds(each, word)) }));
  const weightOf = new Map(
    words.map((word) => {
      const count = held.filter((each) => each.words.includes(word)).length;
      return [word, Math.log(1 + read.length / Math.max(count, 1))];
    }),
  );
  const weight = (each: { words: string[] }) =>
    each.words.reduce((sum, word) => sum + (weightOf.get(word) ?? 0), 0);
  return held.toSorted((a, b) => weight(b) - weight(a)).map(({ hit }) => hit);
}

const keyOf = ({ conversationId, nodeId }: Pick<Message, 'conversationId' | 'nodeId'>) =>
  `${conversationId} ${nodeId}`;

/** Adds the visible messages before and after each on its path, unless they were found themselves. */
async function addNeighbours(services: Services, viewer: Viewer, found: Finding[]): Promise<Finding[]> {
  const messages = found.map(({ message }) => message);
  const neighboursOf = await readNeighbours(services, viewer.userId, messages);
  const hits = new Set(messages.map(keyOf));
  return found.map((finding) => {
    const { conversationId } = finding.message;
    const { before, after } = neighboursOf(finding.message);
    const unlessFound = (neighbour: Neighbour | null) =>
      neighbour && hits.has(keyOf({ conversationId, nodeId: neighbour.nodeId })) ? null : neighbour;
    return { ...finding, before: unlessFound(before), after: unlessFound(after) };
  });
}
