import { NIL } from 'uuid';
import { giveBack } from '../own-memory.ts';
import { type EncodedRows, framed } from './import/binary-rows.ts';
import type { NewRows } from './import/rows.ts';
import { SEARCH_COLUMNS } from './import/terms.ts';
import type { Services, Transaction } from './services.ts';

/** Messages per transaction: short enough to be searchable soon and to be stopped soon. */
const BATCH_MESSAGES = 2_000;
/**
 * Kilobytes of new entries that PostgreSQL keeps as a list before it sorts them into the index (GIN fast update), in place of
 * 4096. Sorting more at once rewrites a word's list of rows less often: with 16 MB an import took PostgreSQL a fifth less work than
 * with 4, and 64 won no more. But each search reads that list: with half a megabyte those beside an import took 17 ms at p95, with
 * 4 MB 25, and the import a quarter longer.
 */
const LIST_KB = { long: 16 * 1024, short: 512 };
/** What sorting the long list may take at least, for PostgreSQL's own setting may be too little for one go. */
const SORTING_KB = 32 * 1024;
/** Text in memory at once, but for a single longer message. */
const PORTION_BYTES = 4 * 1024 * 1024;

/**
 * Indexes what is not yet indexed of some of a user's conversations whose messages changed; answers how many, 0 when
 * none is left. Whoever changes a message removes it from the index. Any number of callers may run at once: each takes
 * other conversations. What is `urgent` does not wait for threads to read conversations; `sortsLate` is for when nobody
 * searches meanwhile; with `only`, a conversation's id, no other is indexed.
 */
export async function indexSomePending(
  services: Services,
  userId: string,
  {
    maxMessages = BATCH_MESSAGES,
    urgent = false,
    sortsLate = false,
    only = null,
  }: { maxMessages?: number; urgent?: boolean; sortsLate?: boolean; only?: string | null } = {},
): Promise<number> {
  return services.database.transaction(async (tx) => {
    const { ids, portions } = await takePending(tx, userId, maxMessages, only);
    if (ids.length === 0) return 0;
    await indexPortions(services, tx, userId, { ids, portions, urgent, sortsLate });
    return ids.length;
  });
}

/**
 * Indexes the next few of a user's conversations anew; answers the last one and how many, null when there is none behind
 * `after`. Until all of it is written, searches find what stood in the index before.
 */
export async function indexSomeAnew(
  services: Services,
  userId: string,
  after: string | null,
): Promise<{ last: string; count: number } | null> {
  return services.database.transaction(async (tx) => {
    const rows = await tx.query<{ id: string; messages: number }>(
      `SELECT id, message_count AS messages FROM conversations WHERE user_id = $1 AND id > $2
       ORDER BY id LIMIT 50 FOR NO KEY UPDATE`,
      [userId, after ?? NIL],
    );
    const { ids, portions } = await takeFew(tx, userId, rows, BATCH_MESSAGES);
    const last = ids.at(-1);
    if (last === undefined) return null;
    await tx.execute('DELETE FROM message_search WHERE user_id = $1 AND conversation_id = ANY($2::uuid[])', [
      userId,
      ids,
    ]);
    await indexPortions(services, tx, userId, { ids, portions, urgent: false, sortsLate: false });
    return { last, count: ids.length };
  });
}

async function indexPortions(
  services: Services,
  tx: Transaction,
  userId: string,
  {
    ids,
    portions,
    urgent,
    sortsLate,
  }: { ids: string[]; portions: number; urgent: boolean; sortsLate: boolean },
): Promise<void> {
  for (let portion = 0; portion < portions; portion += 1) {
    const copied = await readPortion(tx, userId, ids, portion);
    const encoded = await services.threads.analyze({ copied, urgent });
    await copyTerms(tx, encoded, sortsLate);
  }
  await setIndexed(tx, userId, ids);
}

/**
 * Indexes new conversations from what was sent to the database; answers how many: none when another was quicker or when any
 * of them has been changed or deleted since, for then the database knows better. What is `urgent` does not wait for threads to
 * read conversations. Hands the rows over: for the caller they are gone.
 */
export async function indexNew(
  services: Services,
  userId: string,
  rows: NewRows,
  { urgent, sortsLate = false }: { urgent: boolean; sortsLate?: boolean },
): Promise<number> {
  const { ids, transactionId, conversations, messages } = rows;
  const encoded = await services.threads.analyzeSent({ conversations, messages, urgent });
  return services.database.transaction(async (tx) => {
    const unchanged = await tx.query(
      `SELECT FROM conversations WHERE user_id = $1 AND id = ANY($2::uuid[]) AND search_pending AND xmin = $3::xid
       ORDER BY id FOR NO KEY UPDATE`,
      [userId, ids, transactionId],
    );
    if (unchanged.length < ids.length) return 0;
    await copyTerms(tx, encoded, sortsLate);
    await setIndexed(tx, userId, ids);
    return ids.length;
  });
}

async function copyTerms(tx: Transaction, { bytes, rows }: EncodedRows, sortsLate: boolean): Promise<void> {
  if (rows === 0) return;
  await tx.query(
    sortsLate
      ? `SELECT set_config('gin_pending_list_limit', '${LIST_KB.long}kB', true),
           set_config('work_mem',
             greatest(pg_size_bytes(current_setting('work_mem')) / 1024, ${SORTING_KB}) || 'kB', true)`
      : `SELECT set_config('gin_pending_list_limit', '${LIST_KB.short}kB', true)`,
  );
  await tx.copy(
    `COPY message_search (${SEARCH_COLUMNS.join(', ')}) FROM STDIN (FORMAT binary)`,
    framed([bytes]),
  );
  giveBack(bytes);
}

const setIndexed = (tx: Transaction, userId: string, ids: string[]) =>
  tx.execute('UPDATE conversations SET search_pending = false WHERE user_id = $1 AND id = ANY($2::uuid[])', [
    userId,
    ids,
  ]);

/**
 * Conversations that wait, up to a fair number of messages and at least one, locked against other indexers; and in how
 * many portions their text is to be read. Those that others have locked are theirs, but for `only`: it is waited for, as whoever
 * asked for it wants it found.
 */
async function takePending(
  tx: Transaction,
  userId: string,
  maxMessages: number,
  only: string | null,
): Promise<{ ids: string[]; portions: number }> {
  const rows = await tx.query<{ id: string; messages: number }>(
    `SELECT id, message_count AS messages FROM conversations WHERE user_id = $1 AND search_pending
       AND ($2::uuid IS NULL OR id = $2)
     LIMIT 150 FOR NO KEY UPDATE ${only === null ? 'SKIP LOCKED' : ''}`,
    [userId, only],
  );
  return takeFew(tx, userId, rows, maxMessages);
}

async function takeFew(
  tx: Transaction,
  userId: string,
  rows: { id: string; messages: number }[],
  maxMessages: number,
): Promise<{ ids: string[]; portions: number }> {
  const ids: string[] = [];
  let messages = 0;
  for (const row of rows) {
    if (ids.length > 0 && messages + row.messages > maxMessages) break;
    messages += row.messages;
    ids.push(row.id);
  }
  if (ids.length === 0) return { ids, portions: 0 };
  const [sum] = await tx.query<{ bytes: number }>(
    `SELECT coalesce(sum(octet_length(text)), 0)::float8 AS bytes FROM messages
     WHERE user_id = $1 AND conversation_id = ANY($2::uuid[])`,
    [userId, ids],
  );
  return { ids, portions: Math.floor((sum?.bytes ?? 0) / PORTION_BYTES) + 1 };
}

/**
 * Those messages of the conversations whose text begins in this portion of all of their text, and is not indexed; with
 * the first portion also the titles.
 */
async function readPortion(tx: Transaction, userId: string, ids: string[], portion: number) {
  // The one way in which COPY takes parameters.
  await tx.query(
    `SELECT set_config('sidecar.user', $1, true), set_config('sidecar.conversations', $2, true),
       set_config('sidecar.from', $3, true), set_config('sidecar.to', $4, true)`,
    [userId, `{${ids.join(',')}}`, portion * PORTION_BYTES, (portion + 1) * PORTION_BYTES],
  );
  return tx.copyOut(COPY_PORTION);
}

// The sums are over keys and sizes alone: a long conversation is summed up once for each of its portions.
const COPY_PORTION = `COPY (
  WITH wanted AS (
    SELECT current_setting('sidecar.user')::uuid AS user_id,
      unnest(current_setting('sidecar.conversations')::uuid[]) AS conversation_id
  ), indexed AS (
    SELECT conversation_id, node_id FROM message_search JOIN wanted USING (user_id, conversation_id)
  ), summed AS (
    SELECT user_id, conversation_id, node_id,
      sum(octet_length(text)) OVER (ORDER BY conversation_id, ordinal) - octet_length(text) AS start
    FROM messages JOIN wanted USING (user_id, conversation_id)
  ), portion AS MATERIALIZED (
    SELECT user_id, conversation_id, node_id FROM summed
    WHERE start >= current_setting('sidecar.from')::bigint AND start < current_setting('sidecar.to')::bigint
      AND (conversation_id, node_id) NOT IN (SELECT conversation_id, node_id FROM indexed)
  )
  SELECT portion.user_id, conversation_id, node_id, text, coalesce(m.created_at, c.created_at), role, kind, on_active_path
  FROM portion JOIN messages m USING (user_id, conversation_id, node_id)
    JOIN conversations c ON c.user_id = portion.user_id AND c.id = portion.conversation_id
  WHERE text <> ''
  UNION ALL
  SELECT c.user_id, c.id, '', title, created_at, '', 'VISIBLE', true
  FROM conversations c JOIN wanted ON c.user_id = wanted.user_id AND c.id = wanted.conversation_id
  WHERE title <> '' AND current_setting('sidecar.from') = '0'
    AND (c.id, '') NOT IN (SELECT conversation_id, node_id FROM indexed)
) TO STDOUT (FORMAT binary)`;

/**
 * Sorts what PostgreSQL has put off into the index, so that searches need not read it as a list, and has plans made anew that
 * were kept meanwhile: a long list makes the index look dear, and a search then reads all rows of its user instead.
 */
export async function tidyIndex({ database, logger }: Services): Promise<void> {
  // In a transaction a statement may take longer: others may be sorting just now, and the list has grown meanwhile.
  const [cleaned] = await database.transaction((tx) =>
    tx.query<{ pages: number }>(`SELECT gin_clean_pending_list('message_search_terms')::int AS pages`),
  );
  if (!cleaned || cleaned.pages === 0) return;
  // Every connection forgets its plans by it. A vacuum that is under way does the same, and is not to be broken off.
  await database.query('ANALYZE (SKIP_LOCKED) message_search (user_id, conversation_id)').catch((error) => {
    logger.warn({ error }, 'plans of searches may be those of an import until PostgreSQL analyzes its table');
  });
}

/**
 * Indexes what nobody else is about to: what a migration, a task that was broken off or a failure left behind. One user
 * after the other, until `signal` aborts; a user's failure is logged and holds up no other. Any number of callers may run
 * it at once.
 */
export async function sweepSearchIndex(services: Services, signal: AbortSignal): Promise<void> {
  let from: string = NIL;
  let over: string = NIL;
  let swept = 0;
  while (!signal.aborted) {
    // Looked at again before each batch: a task that has begun meanwhile indexes the rest, and tells of it.
    const userId = await findWaiting(services, from, over);
    if (!userId) break;
    const some = await indexSomePending(services, userId).catch((error) => {
      services.logger.warn({ error, userId }, 'what waits for the search index could not be indexed');
      return 0;
    });
    from = userId;
    if (some === 0) over = userId;
    swept += some;
  }
  if (swept > 0) await tidyIndex(services);
}

/** The first user from `from` on, but not `over`, whose conversations wait while no task is to index them. */
async function findWaiting(services: Services, from: string, over: string): Promise<string | null> {
  const [row] = await services.database.query<{ id: string }>(
    `SELECT id FROM users u WHERE id >= $1 AND id <> $2
       AND EXISTS (SELECT FROM conversations WHERE user_id = u.id AND search_pending)
       AND NOT EXISTS (SELECT FROM sync_tasks WHERE user_id = u.id AND status IN ('QUEUED', 'RUNNING'))
       AND NOT EXISTS (SELECT FROM background_tasks
         WHERE user_id = u.id AND kind = 'REINDEX' AND status IN ('QUEUED', 'RUNNING'))
     ORDER BY id LIMIT 1`,
    [from, over],
  );
  return row?.id ?? null;
}

/** Conversations of a user that wait for the index, and all of them. */
export async function countPending(
  services: Services,
  userId: string,
): Promise<{ pending: number; total: number }> {
  const [row] = await services.database.query<{ pending: number; total: number }>(
    `SELECT count(*) FILTER (WHERE search_pending)::int AS pending, count(*)::int AS total
     FROM conversations WHERE user_id = $1`,
    [userId],
  );
  return row ?? { pending: 0, total: 0 };
}
