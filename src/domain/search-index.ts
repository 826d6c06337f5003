import type { Services, Transaction } from './services.ts';

/**
 * A tsvector holds at most 1 MiB of lexemes, so a long message is indexed in pieces; they overlap, so that a word on a
 * seam is whole in one of them.
 */
const PIECE_CHARACTERS = 100_000;
const OVERLAP_CHARACTERS = 200;

/** Text per transaction: short enough to be searchable soon and to be stopped soon. */
const BATCH_MESSAGES = 2_000;

/**
 * Indexes what is not yet indexed of some of a user's conversations whose messages changed; answers how many, 0 when
 * none is left. Whoever changes a message removes it from the index. Any number of callers may run at once: each takes
 * other conversations.
 */
export async function indexSomePending(
  services: Services,
  userId: string,
  maxMessages = BATCH_MESSAGES,
): Promise<number> {
  return services.database.transaction(async (tx) => {
    const ids = await takePending(tx, userId, maxMessages);
    if (ids.length === 0) return 0;
    await tx.execute(
      `INSERT INTO message_search (user_id, conversation_id, node_id, terms)
       SELECT user_id, conversation_id, node_id,
         to_tsvector('english', CASE WHEN octet_length(text) <= $3 THEN text
           ELSE substr(text, 1 + piece * $3, $3 + $4) END)
       FROM messages, generate_series(0, CASE WHEN octet_length(text) <= $3 THEN 0
         ELSE (length(text) - 1) / $3 END) AS piece
       WHERE user_id = $1 AND conversation_id = ANY($2::uuid[]) AND text <> ''
         AND (conversation_id, node_id) NOT IN (SELECT conversation_id, node_id FROM message_search
           WHERE user_id = $1 AND conversation_id = ANY($2::uuid[]))`,
      [userId, ids, PIECE_CHARACTERS, OVERLAP_CHARACTERS],
    );
    await tx.execute(
      'UPDATE conversations SET search_pending = false WHERE user_id = $1 AND id = ANY($2::uuid[])',
      [userId, ids],
    );
    return ids.length;
  });
}

/** Conversations that wait, up to a fair number of messages and at least one, locked against other indexers. */
async function takePending(tx: Transaction, userId: string, maxMessages: number): Promise<string[]> {
  const rows = await tx.query<{ id: string; messages: number }>(
    `SELECT id, message_count AS messages FROM conversations WHERE user_id = $1 AND search_pending
     LIMIT 150 FOR NO KEY UPDATE SKIP LOCKED`,
    [userId],
  );
  const taken: string[] = [];
  let messages = 0;
  for (const row of rows) {
    if (taken.length > 0 && messages + row.messages > maxMessages) break;
    messages += row.messages;
    taken.push(row.id);
  }
  return taken;
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
