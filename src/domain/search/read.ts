import type { ReadBranch, SearchQuery } from '../../text/query.ts';
import type { Services } from '../services.ts';
import type { narrowSearch } from './filter.ts';
import { isCancelled, withinTime } from './in-time.ts';
import {
  compareMatches,
  findMatches,
  HIDDEN_WEIGHT,
  MAX_CANDIDATES,
  type Match,
  type Ranked,
  rankOf,
  SEEN_FIRST,
  TITLE_WEIGHT,
} from './match.ts';

/**
 * So much is read for what the index does not hold: it takes PostgreSQL about half a second, and most people have said no more.
 * The same at every time, so that pages fit together.
 */
const MAX_ROWS = 50_000;
const MAX_BYTES = 100_000_000;
/** Of a query with more such branches of OR the others count for nothing. */
const MAX_BRANCHES = 4;
/** What it may take at worst, on a machine that has much else to do; then nothing was found. */
const MAX_STATEMENT_MS = 3_000;

/** By the index, and by the text itself where the index does not hold what is looked for. */
export async function findByWords(
  services: Services,
  userId: string,
  query: SearchQuery,
  narrowed: ReturnType<typeof narrowSearch>,
): Promise<Ranked> {
  const indexed = await findMatches(services, userId, query, narrowed);
  if (query.toRead.length === 0) return indexed;
  const best = new Map(indexed.matches.map((match) => [keyOf(match), match]));
  let isCapped = indexed.isCapped || query.toRead.length > MAX_BRANCHES;
  for (const branch of query.toRead.slice(0, MAX_BRANCHES)) {
    const read = await readMatches(services, userId, { ...branch, foreign: query.foreign }, narrowed);
    isCapped ||= read.isCapped;
    for (const match of read.matches) {
      const known = best.get(keyOf(match));
      if (!known || known.score < match.score) best.set(keyOf(match), match);
    }
  }
  const matches = [...best.values()].toSorted(compareMatches);
  return {
    matches: matches.slice(0, MAX_CANDIDATES),
    isCapped: isCapped || matches.length > MAX_CANDIDATES,
  };
}

const keyOf = ({ conversationId, nodeId }: Match) => `${conversationId} ${nodeId}`;

/**
 * The newest of a user's messages whose text is as a branch of a query says, among those that the index answers where it knows
 * of a part. Ranked by that part; the newest first where there is none.
 */
async function readMatches(
  services: Services,
  userId: string,
  branch: ReadBranch & Pick<SearchQuery, 'foreign'>,
  narrowed: ReturnType<typeof narrowSearch>,
): Promise<Ranked> {
  const given = [userId, branch.tsquery, ...narrowed.parameters];
  const next = (place: number) => `$${given.length + place}`;
  const [required, excluded, english, foreign] = [next(1), next(2), next(3), next(4)];
  const byTime = `greatest(extract(epoch FROM coalesce(created_at, '-infinity')), 0)::float8 / 1e11`;
  const byIndex = `(SELECT ${rankOf({ english, foreign })} FROM message_search s WHERE s.ctid = piece)`;
  // A long message has several rows, which stand together, and is read once. What comes in order is never sorted again, so that
  // PostgreSQL reads no more than it takes to find the last one.
  const sql = `
    WITH numbered AS (
      SELECT *, row_number() OVER (ORDER BY ${IN_ORDER} ROWS UNBOUNDED PRECEDING) AS place FROM (
        SELECT s.conversation_id, s.node_id, s.created_at, s.piece, s.kind = 'HIDDEN' AS hidden, ${SEEN_FIRST} AS seen
        FROM (${branch.tsquery === null ? ALL_ROWS : INDEXED_ROWS}) AS s ${narrowed.join}
        WHERE s.user_id = $1 ${narrowed.conditions}
        ORDER BY ${IN_ORDER} LIMIT ${MAX_ROWS + 1}) AS newest
    ), texts AS (
      SELECT each.*, said.text FROM (
        SELECT DISTINCT ON (seen, created_at, conversation_id, node_id) * FROM numbered
        ORDER BY ${IN_ORDER}, place DESC) AS each,
      LATERAL (SELECT CASE WHEN node_id = '' THEN (SELECT title FROM conversations c WHERE c.user_id = $1 AND c.id = conversation_id)
        ELSE (SELECT m.text FROM messages m WHERE ${branch.tsquery === null ? 'm.ctid = piece' : OF_INDEXED})
        END AS text OFFSET 0) AS said
    ), summed AS (
      SELECT *, place <= ${MAX_ROWS} AND
        sum(coalesce(octet_length(text), 0)) OVER (ORDER BY ${IN_ORDER} ROWS UNBOUNDED PRECEDING) <= ${MAX_BYTES} AS is_read FROM texts
    ), found AS (
      SELECT * FROM summed
      WHERE NOT is_read OR (text ~ ALL (${required}::text[]) AND NOT text ~ ANY (${excluded}::text[]))
      ORDER BY ${IN_ORDER} LIMIT ${MAX_CANDIDATES + 1}
    )
    SELECT conversation_id AS "conversationId", node_id AS "nodeId", is_read AS "isRead",
      ${branch.tsquery === null ? byTime : byIndex}
        * CASE WHEN hidden THEN ${HIDDEN_WEIGHT} WHEN node_id = '' THEN ${TITLE_WEIGHT} ELSE 1 END AS score
    FROM found`;
  const sqlOf = (literals: ReadBranch['required']) => literals.map((literal) => literal.sql);
  const values = [...given, sqlOf(branch.required), sqlOf(branch.excluded)];
  const ranking = branch.tsquery === null ? [] : [branch.english, branch.foreign];
  try {
    const rows = await services.database.transaction((tx) =>
      withinTime(tx, MAX_STATEMENT_MS)<Match & { isRead: boolean }>(sql, [...values, ...ranking]),
    );
    const found = rows.flatMap(({ isRead, ...match }) => (isRead ? [match] : []));
    return {
      matches: found.slice(0, MAX_CANDIDATES),
      isCapped: found.length < rows.length || found.length > MAX_CANDIDATES,
    };
  } catch (error) {
    if (isCancelled(error)) return { matches: [], isCapped: true };
    throw error;
  }
}

/** Rows among which to look. `piece` is where each stands itself: PostgreSQL finds it there without a plan that may be a bad one. */
const COLUMNS = 'user_id, conversation_id, node_id, role, kind, on_active_path';
const OF_INDEXED = 'm.user_id = $1 AND m.conversation_id = each.conversation_id AND m.node_id = each.node_id';
const INDEXED_ROWS = `SELECT ${COLUMNS}, created_at, ctid AS piece FROM message_search WHERE user_id = $1 AND terms @@ $2::tsquery`;
/** What they would be in the index, which has none of a text that is all small words. The query, which is null, has to have a type. */
const ALL_ROWS = `
  SELECT m.user_id, conversation_id, node_id, role, kind, on_active_path, coalesce(m.created_at, c.created_at) AS created_at,
    CASE WHEN $2::tsquery IS NULL THEN m.ctid END AS piece
  FROM messages m JOIN conversations c ON c.user_id = m.user_id AND c.id = m.conversation_id WHERE m.user_id = $1 AND text <> ''
  UNION ALL
  SELECT user_id, id, '', '', 'VISIBLE', true, created_at, NULL FROM conversations WHERE user_id = $1 AND title <> ''`;

const IN_ORDER = 'seen DESC NULLS LAST, created_at DESC NULLS LAST, conversation_id, node_id';
