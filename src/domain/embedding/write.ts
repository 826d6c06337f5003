import { createHash } from 'node:crypto';
import type { Services } from '../services.ts';
import type { PendingMessage, VectorSpace } from './pending.ts';

/** From so many vectors of a user on an index pays; up to there every one of them is looked at in a few hundredths of a second. */
const INDEX_FROM = 10_000;

/** Of pgvector: a longer vector cannot be indexed. */
const MAX_INDEXED_DIMENSIONS = 4_000;

/** As pgvector reads it. */
export const toVectorText = (vector: readonly number[]) => `[${vector.join(',')}]`;

/**
 * Writes vectors of messages whose text is still the one that was reckoned; null for one that the model has nothing to say
 * of, so that it is not asked again. The messages are locked, so that none is deleted in between and leaves its vector.
 */
export async function writeVectors(
  services: Services,
  userId: string,
  { model, dimensions }: VectorSpace,
  reckoned: { message: PendingMessage; vector: number[] | null }[],
): Promise<void> {
  await services.database.query(
    `WITH reckoned AS (
       SELECT * FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[]) AS r (conversation_id, node_id, md5, vector)
     ), present AS (
       SELECT r.* FROM messages m JOIN reckoned r USING (conversation_id, node_id)
       WHERE m.user_id = $1 AND md5(m.text) = r.md5 FOR KEY SHARE OF m
     )
     INSERT INTO sidecar_vectors.message_vectors AS v
       (user_id, conversation_id, node_id, model, dimensions, embedding)
     SELECT $1, conversation_id, node_id, $2, $3, vector::halfvec FROM present
     ON CONFLICT (user_id, conversation_id, node_id) DO UPDATE
     SET model = excluded.model, dimensions = excluded.dimensions, embedding = excluded.embedding`,
    [
      userId,
      model,
      dimensions,
      reckoned.map(({ message }) => message.conversationId),
      reckoned.map(({ message }) => message.nodeId),
      reckoned.map(({ message }) => message.md5),
      reckoned.map(({ vector }) => vector && toVectorText(vector)),
    ],
  );
}

export async function countVectors(
  services: Services,
  userId: string,
  { model, dimensions }: VectorSpace,
): Promise<number> {
  const [row] = await services.database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM sidecar_vectors.message_vectors
     WHERE user_id = $1 AND model = $2 AND dimensions = $3 AND embedding IS NOT NULL`,
    [userId, model, dimensions],
  );
  return row?.count ?? 0;
}

/**
 * Gives a user with many vectors an index of their own, so that nobody else's stand in its way: an index over all users
 * would be searched first and narrowed to the user after, and find too little. Made early, while that takes seconds,
 * for it holds up other writers.
 */
export async function ensureIndex(
  services: Services,
  userId: string,
  space: VectorSpace,
  vectors: number,
): Promise<void> {
  const { model, dimensions } = space;
  if (vectors < INDEX_FROM || dimensions > MAX_INDEXED_DIMENSIONS) return;
  await services.database.transaction(async (tx) => {
    // A statement that makes an index takes no parameters.
    const [names] = await tx.query<{ index: string; user: string; model: string }>(
      `SELECT quote_ident($1) AS index, quote_literal($2) AS user, quote_literal($3) AS model
       WHERE to_regclass('sidecar_vectors.' || quote_ident($1)) IS NULL`,
      [indexName(userId, space), userId, model],
    );
    if (!names) return;
    await tx.execute(
      `CREATE INDEX IF NOT EXISTS ${names.index} ON sidecar_vectors.message_vectors
       USING hnsw ((embedding::halfvec(${Number(dimensions)})) halfvec_cosine_ops)
       WHERE user_id = ${names.user} AND model = ${names.model} AND dimensions = ${Number(dimensions)}
         AND embedding IS NOT NULL`,
    );
  });
}

/** Drops indexes of a user over vectors of other models, and of users who are gone. */
export async function dropOldIndexes(services: Services, userId: string, space: VectorSpace): Promise<void> {
  const old = await services.database.query<{ name: string }>(
    `SELECT quote_ident(indexname) AS name FROM pg_indexes
     WHERE schemaname = 'sidecar_vectors' AND indexname ~ '^of_[0-9a-f]{32}_' AND indexname <> $2
       AND (starts_with(indexname, $1)
         OR NOT EXISTS (SELECT FROM users WHERE id = substr(indexname, 4, 32)::uuid))`,
    [`${ofUser(userId)}_`, indexName(userId, space)],
  );
  for (const { name } of old) await services.database.query(`DROP INDEX IF EXISTS sidecar_vectors.${name}`);
}

const ofUser = (userId: string) => `of_${userId.replaceAll('-', '')}`;

function indexName(userId: string, { model, dimensions }: VectorSpace): string {
  const space = createHash('sha256').update(`${dimensions} ${model}`).digest('hex').slice(0, 12);
  return `${ofUser(userId)}_${space}`;
}
