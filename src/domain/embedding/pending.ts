import type { Services } from '../services.ts';

/** Which vectors count: those of another model, or of another length, are reckoned anew. */
export interface VectorSpace {
  model: string;
  dimensions: number;
}

/** A message without a vector. */
export interface PendingMessage {
  conversationId: string;
  nodeId: string;
  /** Its beginning, as much as was asked for. */
  text: string;
  /** Of the whole text, to know it again. */
  md5: string;
}

type Place = Pick<PendingMessage, 'conversationId' | 'nodeId'>;

/** Before every id. */
const NIL = '00000000-0000-0000-0000-000000000000';
/** Before every message. */
const BEGINNING: Place = { conversationId: NIL, nodeId: '' };

/** Hidden ones are the provider's own: nobody looks for what they mean. */
const pending = `FROM messages m
  LEFT JOIN sidecar_vectors.message_vectors v ON v.user_id = m.user_id AND v.conversation_id = m.conversation_id
    AND v.node_id = m.node_id AND v.model = $2 AND v.dimensions = $3
  WHERE m.user_id = $1 AND m.kind <> 'HIDDEN' AND m.text <> '' AND v.user_id IS NULL`;

/** So many of a user's messages wait for their vectors. */
export async function countWithoutVector(
  services: Services,
  userId: string,
  { model, dimensions }: VectorSpace,
): Promise<number> {
  const [row] = await services.database.query<{ count: number }>(`SELECT count(*)::int AS count ${pending}`, [
    userId,
    model,
    dimensions,
  ]);
  return row?.count ?? 0;
}

/** The next `limit` of them behind a place, in a fixed order; the first characters of each. */
export function readWithoutVector(
  services: Services,
  userId: string,
  { model, dimensions }: VectorSpace,
  { after, limit, characters }: { after: Place | null; limit: number; characters: number },
): Promise<PendingMessage[]> {
  const { conversationId, nodeId } = after ?? BEGINNING;
  return services.database.query<PendingMessage>(
    `SELECT m.conversation_id AS "conversationId", m.node_id AS "nodeId", left(m.text, $6) AS text, md5(m.text) AS md5
     ${pending} AND (m.conversation_id, m.node_id) > ($4::uuid, $5) ORDER BY m.conversation_id, m.node_id LIMIT $7`,
    [userId, model, dimensions, conversationId, nodeId, characters, limit],
  );
}

/** Users that one statement looks through. */
const USERS_AT_ONCE = 100;

/**
 * Users with a message that has no vector of this model, and of this length where it is known, in one statement for each
 * hundred, so that none takes long.
 */
export async function* usersWithoutVectors(
  services: Services,
  { model, dimensions }: { model: string; dimensions: number | null },
): AsyncGenerator<string> {
  for (let after = NIL; ; ) {
    const rows = await services.database.query<{ id: string; waits: boolean }>(
      `SELECT u.id, EXISTS (SELECT FROM messages m WHERE m.user_id = u.id AND m.kind <> 'HIDDEN'
         AND m.text <> '' AND NOT EXISTS (SELECT FROM sidecar_vectors.message_vectors v WHERE v.user_id = m.user_id
           AND v.conversation_id = m.conversation_id AND v.node_id = m.node_id AND v.model = $1
           AND ($3::int IS NULL OR v.dimensions = $3))) AS waits
       FROM users u WHERE u.id > $2 ORDER BY u.id LIMIT ${USERS_AT_ONCE}`,
      [model, after, dimensions],
    );
    for (const { id, waits } of rows) if (waits) yield id;
    const last = rows.at(-1);
    if (!last || rows.length < USERS_AT_ONCE) return;
    after = last.id;
  }
}
