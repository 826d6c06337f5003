import { z } from 'zod';
import { parseQuery } from '../text/query.ts';
import { findByMode, type SearchMode, searchModes } from './embedding/find.ts';
import { InvalidInputError } from './errors.ts';
import { parseInput, text } from './input.ts';
import { announceSearch } from './search/activity.ts';
import { narrowSearch, searchFilter } from './search/filter.ts';
import { type SearchHit as LoadedHit, loadHits } from './search/hits.ts';
import { bestOfEach, compareMatches, type Match } from './search/match.ts';
import { findByWords } from './search/read.ts';
import type { Services } from './services.ts';
import { requireScope, type Viewer } from './viewer.ts';

export type { SearchFilter } from './search/filter.ts';

/** How to look, once AUTO has come to it. */
type FoundMode = Exclude<SearchMode, 'AUTO'>;

export interface SearchHit extends LoadedHit {
  /** Where it stands, for `after` and `before`. */
  cursor: string;
}

const MAX_QUERY_CHARACTERS = 1_000;
/** A page of 100, and one more that tells whether there is another page. */
const MAX_HITS = 101;

export const searchQuery = text
  .trim()
  .min(1, 'Say what to look for.')
  .max(MAX_QUERY_CHARACTERS, `A query has at most ${MAX_QUERY_CHARACTERS} characters: leave some words out.`);

const searchInput = z.strictObject({
  query: searchQuery,
  mode: z.enum(searchModes).default('AUTO'),
  filter: searchFilter.nullish(),
  /** Only the best hit of each conversation. */
  onePerConversation: z.boolean().default(false),
  /** Hits to answer. */
  limit: z.int().min(1).max(MAX_HITS),
  /** Hits to pass over. */
  offset: z.int().min(0).max(10_000).default(0),
  /** Cursors of hits: only what stands between the two. */
  after: z.string().nullish(),
  before: z.string().nullish(),
  /** Counts `limit` from the back, and answers the last first. */
  inverted: z.boolean().default(false),
});
export type SearchInput = z.input<typeof searchInput>;

/** What a Relay connection asks for. */
export interface SearchPage {
  after?: string;
  before?: string;
  limit: number;
  inverted: boolean;
}

export interface SearchResult {
  hits: SearchHit[];
  /** How it was looked: what AUTO came to. */
  mode: FoundMode;
  /** Of all pages. Only the newest 1000 matches and the nearest 200 are ranked, and not all is read: `isCapped` says that there may be more. */
  totalCount: number;
  isCapped: boolean;
  /** Nothing was found by words, whatever is near in meaning; with SEMANTIC, nothing at all. */
  isMissed: boolean;
}

/** The hits of `searchPage`. */
export async function search(
  services: Services,
  viewer: Viewer | null,
  input: SearchInput,
): Promise<SearchHit[]> {
  return (await searchPage(services, viewer, input)).hits;
}

/**
 * Messages and titles of the viewer's conversations, in all branches, that match a web-style query ("phrases",
 * -exclusions, OR) or are near to it in meaning, the best first. A list goes on in the mode that its cursor tells: AUTO that
 * began as HYBRID is refused while the model is away, for a list of other scores would repeat and skip. Throws an
 * InvalidInputError for an empty query, a filter or cursor that is none, or a page out of range, a
 * SemanticSearchUnavailableError, and a TooManyRequestsError.
 */
export async function searchPage(
  services: Services,
  viewer: Viewer | null,
  input: SearchInput,
): Promise<SearchResult> {
  requireScope(viewer, 'read');
  await services.limits.spend('search', viewer);
  announceSearch(services);
  const { query, mode, filter, onePerConversation, ...page } = parseInput(searchInput, input);
  const cursors = readCursors(page, mode);
  const parsed = parseQuery(query);
  const asked = { mode: cursors.mode, query, filter: filter ?? {} };
  const found = await findByMode(services, viewer.userId, asked, () =>
    findByWords(services, viewer.userId, parsed, narrowSearch(asked.filter, 3)),
  );
  const matches = onePerConversation ? bestOfEach(found.matches) : found.matches;
  const ranked = between(
    matches.map((match, index) => ({ match, rank: index + 1 })),
    { ...placesOf(cursors, found), inverted: page.inverted },
  );
  const hits: SearchHit[] = [];
  // What was deleted meanwhile makes room for the next, for a short page would pass for the last one.
  for (let at = page.offset; hits.length < page.limit && at < ranked.length; ) {
    const part = ranked.slice(at, at + page.limit - hits.length);
    const loaded = await loadHits(services, viewer, parsed, part);
    hits.push(...loaded.map((hit) => ({ ...hit, cursor: writeCursor(hit.match, found.mode) })));
    at += part.length;
  }
  const { isCapped, isMissed } = found;
  return { hits, mode: found.mode, totalCount: matches.length, isCapped, isMissed };
}

/** What is on the asked side of two places, nearest first. */
function between(
  ranked: { match: Match; rank: number }[],
  { after, before, inverted }: { after: Match | null; before: Match | null; inverted: boolean },
): { match: Match; rank: number }[] {
  const rest = ranked.filter(
    ({ match }) =>
      (!after || compareMatches(match, after) > 0) && (!before || compareMatches(match, before) < 0),
  );
  return inverted ? rest.toReversed() : rest;
}

interface Cursors {
  after: Match | null;
  before: Match | null;
  /** How the list is looked up that they are of. */
  mode: SearchMode;
}

/** Throws an InvalidInputError for what is no cursor, or of a list in another mode. */
function readCursors(
  page: Pick<z.output<typeof searchInput>, 'after' | 'before'>,
  mode: SearchMode,
): Cursors {
  const read: Cursors = { after: null, before: null, mode };
  for (const side of ['after', 'before'] as const) {
    const given = page[side];
    if (!given) continue;
    const { match, mode: ofCursor } = parseCursor(given, side);
    if (read.mode !== 'AUTO' && read.mode !== ofCursor) {
      refuseCursor(side, `This is a cursor of a list in the mode ${ofCursor}, not ${read.mode}.`);
    }
    read[side] = match;
    read.mode = ofCursor;
  }
  return read;
}

/**
 * Where the cursors stand now. A score by words is the message's own. One by rank hangs on what else is found, so that the
 * place is where the same message stands now, while it is found at all.
 */
function placesOf(
  { after, before }: Cursors,
  found: { mode: FoundMode; matches: Match[] },
): Pick<Cursors, 'after' | 'before'> {
  if (found.mode !== 'HYBRID') return { after, before };
  const now = (then: Match | null) =>
    then &&
    (found.matches.find(
      ({ conversationId, nodeId }) => conversationId === then.conversationId && nodeId === then.nodeId,
    ) ??
      then);
  return { after: now(after), before: now(before) };
}

/** A hit's score and ids, so that a page goes on at the same place whatever has been added or deleted; and how it was found. */
const writeCursor = ({ score, conversationId, nodeId }: Match, mode: FoundMode): string =>
  Buffer.from(JSON.stringify([score, conversationId, nodeId, mode])).toString('base64url');

const cursor = z.tuple([z.number(), z.string(), z.string(), z.enum(['KEYWORD', 'SEMANTIC', 'HYBRID'])]);

function parseCursor(given: string, side: 'after' | 'before'): { match: Match; mode: FoundMode } {
  let value: unknown = null;
  try {
    value = JSON.parse(Buffer.from(given, 'base64url').toString());
  } catch {
    // Not ours, as `parsed` will tell.
  }
  const parsed = cursor.safeParse(value);
  if (!parsed.success) return refuseCursor(side, 'This is not a cursor of this list.');
  const [score, conversationId, nodeId, mode] = parsed.data;
  return { match: { score, conversationId, nodeId }, mode };
}

function refuseCursor(side: 'after' | 'before', message: string): never {
  throw new InvalidInputError([{ path: [side], message, type: 'invalid_cursor' }]);
}
