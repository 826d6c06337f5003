import type { Conversation, Message } from '../../generated/prisma/client.ts';
import { readNeighbours } from '../conversation/neighbours.ts';
import { hasMeaning, requireMeaning } from '../embedding/availability.ts';
import type { SearchMode } from '../embedding/find.ts';
import { SemanticSearchUnavailableError } from '../errors.ts';
import { type SearchHit, search } from '../search.ts';
import type { Services } from '../services.ts';
import type { Viewer } from '../viewer.ts';
import type { Neighbour } from './citation.ts';
import { contentWordsOf, searchQueryOf } from './question.ts';

/** A message that may hold the answer, and what was said around it. */
export interface Finding {
  message: Message;
  conversation: Conversation;
  score: number;
  before: Neighbour | null;
  after: Neighbour | null;
}

/** Of a message, so much is read to rank it. */
const MAX_RANKED_CHARACTERS = 20_000;

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
  const alone = [
    { query: searchQueryOf([query], 'all'), texts: [] },
    { query: searchQueryOf([query], 'any'), texts: [query] },
  ];
  const together = (before: string) => ({
    query: searchQueryOf([query, before], 'any'),
    texts: [query, before],
  });
  // "And how long is it?" finds only what it should not.
  const isVague = [...contentWordsOf(query)].length < TELLING_WORDS;
  const wanted = previous === null ? alone : isVague ? [together(previous)] : [...alone, together(previous)];
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
    ...(mode === 'SEMANTIC' ? [] : wanted).map(async ({ query: terms, texts }) => {
      if (terms === null) return [];
      const filter = { kind: [...READABLE] };
      const hits = await search(services, viewer, {
        query: terms,
        mode: 'KEYWORD',
        filter,
        limit: MAX_CANDIDATES,
      });
      // For a title the search answers the first message, whatever its kind, and once more.
      const readable = hits.filter(
        ({ message }, index) =>
          READABLE.some((kind) => kind === message.kind) &&
          hits.findIndex((hit) => keyOf(hit.message) === keyOf(message)) === index,
      );
      return texts.length === 0 ? readable : byTellingWords(readable, texts);
    }),
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
function byTellingWords(hits: SearchHit[], texts: string[]): SearchHit[] {
  const stems = [...new Set(texts.flatMap((text) => [...contentWordsOf(text)].map(stemOf)))];
  const held = hits.map((hit) => {
    const text = folded(`${hit.conversation.title} ${hit.message.text.slice(0, MAX_RANKED_CHARACTERS)}`);
    return { hit, stems: stems.filter((stem) => text.includes(stem)) };
  });
  const weightOf = new Map(
    stems.map((stem) => {
      const count = held.filter((each) => each.stems.includes(stem)).length;
      return [stem, Math.log(1 + hits.length / Math.max(count, 1))];
    }),
  );
  const weight = (each: { stems: string[] }) =>
    each.stems.reduce((sum, stem) => sum + (weightOf.get(stem) ?? 0), 0);
  return held.toSorted((a, b) => weight(b) - weight(a)).map(({ hit }) => hit);
}

/** The beginning of a word, which its other forms share. */
function stemOf(word: string): string {
  const plain = folded(word);
  return plain.length > 5 ? plain.slice(0, -2) : plain;
}

const folded = (text: string) => text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();

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
