import type { Conversation, Message } from '../../generated/prisma/client.ts';
import { createMatcher } from '../../text/matcher.ts';
import { parseQuery } from '../../text/query.ts';
import { findPassage } from '../../text/snippet.ts';
import type { Neighbour } from '../chat/citation.ts';
import { readNeighbours } from '../conversation/neighbours.ts';
import { parseInput } from '../input.ts';
import { mapTexts } from '../long-texts.ts';
import { searchPage } from '../search.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { type PassageInput, passageInput } from './input.ts';

/** As many as the search answers at once. */
const PAGE = 100;

/** Of a message, so much of its text is shown, in UTF-16 units. */
export const PASSAGE_CHARACTERS = 320;

/** A message that was found. */
export interface Found {
  message: Message;
  conversation: Conversation;
  /** Larger is better; comparable within one answer only. */
  score: number;
}

/** A message that was found, where in its text it matches, and what was said around it. */
export interface Passage extends Found {
  /** 1 for the best. */
  rank: number;
  /** The stretch of the message's text that matches best, in UTF-16 units. */
  start: number;
  end: number;
  before: Neighbour | null;
  after: Neighbour | null;
}

export const keyOf = ({ conversationId, nodeId }: Pick<Message, 'conversationId' | 'nodeId'>) =>
  `${conversationId}/${nodeId}`;

/** The `k` best messages of the viewer. Throws an InvalidInputError and a TooManyRequestsError. */
export async function searchPassages(
  services: Services,
  viewer: Viewer | null,
  input: PassageInput,
): Promise<Passage[]> {
  requireScope(viewer, 'read');
  const { query, k } = parseInput(passageInput, input);
  // A title and the first message of its conversation may both be found, and are the same message.
  const { hits } = await findMessages(services, viewer, query, 2 * k);
  return toPassages(services, viewer, query, hits.slice(0, k));
}

/**
 * Up to so many messages whose words match, the best first and each once, and whether more match than the search ranks; a
 * title stands for its first message. Never by meaning, by which something is near to every query.
 */
export async function findMessages(
  services: Services,
  viewer: Viewer,
  query: string,
  count: number,
): Promise<{ hits: Found[]; isCapped: boolean }> {
  const found = new Map<string, Found>();
  let isCapped = false;
  for (let offset = 0; offset < count; offset += PAGE) {
    const limit = Math.min(PAGE, count - offset);
    const page = await searchPage(services, viewer, { query, mode: 'KEYWORD', limit, offset });
    isCapped = page.isCapped;
    for (const { message, conversation, score } of page.hits) {
      if (!found.has(keyOf(message))) found.set(keyOf(message), { message, conversation, score });
    }
    if (page.hits.length < limit) break;
  }
  return { hits: [...found.values()], isCapped };
}

/** Ranks what was found in the order given, and reads what is shown of it. */
export async function toPassages(
  services: Services,
  viewer: Viewer,
  query: string,
  found: Found[],
): Promise<Passage[]> {
  const matcher = createMatcher(parseQuery(query));
  const neighboursOf = await readNeighbours(
    services,
    viewer.userId,
    found.map(({ message }) => message),
  );
  const lengthOf = ({ message }: Found) => message.text.length;
  return mapTexts(found, lengthOf, (each, index) => {
    const { start, end } = findPassage(each.message.text, matcher, PASSAGE_CHARACTERS);
    return {
      ...each,
      ...neighboursOf(each.message),
      rank: index + 1,
      start,
      end: Math.min(end, start + PASSAGE_CHARACTERS),
    };
  });
}
