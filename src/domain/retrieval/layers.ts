import { createMatcher } from '../../text/matcher.ts';
import { exclusionsOf, parseQuery } from '../../text/query.ts';
import { findPassage } from '../../text/snippet.ts';
import { readNeighbours } from '../conversation/neighbours.ts';
import { parseInput } from '../input.ts';
import { mapTexts } from '../long-texts.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { findAnyOf } from './any-of.ts';
import { type PassageInput, passageInput } from './input.ts';
import { type Found, findMessages, keyOf, PASSAGE_CHARACTERS, type Passage, toPassages } from './passages.ts';

/** Where the words of a query may stand: in a message, in it and its neighbours, anywhere in its conversation. */
export type Layer = 'message' | 'exchange' | 'conversation';

/** How much a place in the list of a layer counts. The nearer the words stand together, the more. */
export const layerWeights: Record<Layer, number> = { message: 0.5, exchange: 0.3, conversation: 0.2 };

/** Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009, with their k. */
const FUSION_K = 60;

/** Messages to look at, for those that hold all of the words and for those that hold some. */
const CANDIDATES = 100;
const MAX_QUERY_CHARACTERS = 900;

export interface LayeredResult {
  passages: Passage[];
  /** How many messages each layer found. */
  counts: Record<Layer, number>;
  /** Different messages over all layers. */
  totalCandidates: number;
}

/**
 * The `k` best messages over three layers, each of which ranks by how many of the query's words stand together in its
 * unit and then by the search's own score; a conversation is represented by its best message. The lists are fused by
 * rank with `layerWeights`. Throws an InvalidInputError and a TooManyRequestsError.
 */
export async function searchLayers(
  services: Services,
  viewer: Viewer | null,
  input: PassageInput,
): Promise<LayeredResult> {
  requireScope(viewer, 'read');
  const { query, k } = parseInput(passageInput, input);
  const [{ hits: message }, partial] = await Promise.all([
    findMessages(services, viewer, query, CANDIDATES),
    findPartial(services, viewer, query),
  ]);
  const known = new Set(message.map((found) => keyOf(found.message)));
  const all = [...message, ...partial.filter((found) => !known.has(keyOf(found.message)))];
  const held = await heldLexemes(services, viewer, query, all);
  const layers: Record<Layer, Found[]> = {
    message,
    exchange: all.toSorted(byLexemes((found) => held(found).exchange)),
    conversation: bestOfConversations(all, (found) => held(found).message),
  };
  const fused = fuse(layers);
  return {
    passages: await toPassages(services, viewer, query, fused.slice(0, k)),
    counts: {
      message: layers.message.length,
      exchange: layers.exchange.length,
      conversation: layers.conversation.length,
    },
    totalCandidates: fused.length,
  };
}

/** Messages with any of the query's words, and none that it excludes; none for a query of one word. */
async function findPartial(services: Services, viewer: Viewer, query: string): Promise<Found[]> {
  const words = parseQuery(query).words.map(({ raw }) => raw);
  if (words.length < 2) return [];
  const exclusions = exclusionsOf(query).join(' ');
  const read = await findAnyOf([...new Set(words)], async (some) => {
    const any = anyOf(some, exclusions);
    return any === '' ? { hits: [], isCapped: false } : findMessages(services, viewer, any, CANDIDATES);
  });
  return read.map(({ hit }) => hit);
}

/** A query for any of some words, as many as it may be long. */
function anyOf(words: string[], exclusions: string): string {
  let any = '';
  for (const word of words) {
    // What is excluded comes first: of a long query the end counts no more, and a word must not be looked for without it.
    const longer = [any, `${exclusions} ${word}`.trim()].filter((part) => part !== '').join(' OR ');
    if (longer.length > MAX_QUERY_CHARACTERS) break;
    any = longer;
  }
  return any;
}

interface Held {
  message: Set<string>;
  exchange: Set<string>;
}

async function heldLexemes(
  services: Services,
  viewer: Viewer,
  query: string,
  all: Found[],
): Promise<(found: Found) => Held> {
  const matcher = createMatcher(parseQuery(query));
  const neighboursOf = await readNeighbours(
    services,
    viewer.userId,
    all.map(({ message }) => message),
  );
  const lexemesOf = (text: string) => findPassage(text, matcher, PASSAGE_CHARACTERS).lexemes;
  const withNeighbours = all.map((found) => ({ ...found, ...neighboursOf(found.message) }));
  const entries = await mapTexts(
    withNeighbours,
    ({ message, before, after }) =>
      message.text.length + (before?.text.length ?? 0) + (after?.text.length ?? 0),
    ({ message, conversation, before, after }): [string, Held] => {
      const own = lexemesOf(message.text);
      return [
        keyOf(message),
        {
          message: new Set([...own, ...lexemesOf(conversation.title)]),
          exchange: new Set([...own, ...lexemesOf(before?.text ?? ''), ...lexemesOf(after?.text ?? '')]),
        },
      ];
    },
  );
  const held = new Map(entries);
  return ({ message }) => held.get(keyOf(message)) ?? { message: new Set(), exchange: new Set() };
}

/** More of the words first, then the better score. */
const byLexemes = (lexemesOf: (found: Found) => Set<string>) => (a: Found, b: Found) =>
  lexemesOf(b).size - lexemesOf(a).size || b.score - a.score;

function bestOfConversations(all: Found[], lexemesOf: (found: Found) => Set<string>): Found[] {
  const grouped = [...Map.groupBy(all, ({ conversation }) => conversation.id).values()];
  return grouped
    .flatMap((members) => {
      const [best] = members.toSorted(byLexemes(lexemesOf));
      const together = new Set(members.flatMap((member) => [...lexemesOf(member)]));
      return best ? [{ best, together: together.size }] : [];
    })
    .toSorted((a, b) => b.together - a.together || b.best.score - a.best.score)
    .map(({ best }) => best);
}

function fuse(layers: Record<Layer, Found[]>): Found[] {
  const fused = new Map<string, Found>();
  for (const layer of Object.keys(layerWeights) as Layer[]) {
    for (const [index, found] of layers[layer].entries()) {
      const key = keyOf(found.message);
      const score = (fused.get(key)?.score ?? 0) + layerWeights[layer] / (FUSION_K + index + 1);
      fused.set(key, { ...found, score });
    }
  }
  return [...fused.values()].toSorted((a, b) => b.score - a.score);
}
