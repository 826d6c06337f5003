import { narrowSearch } from '../search/filter.ts';
import type { Match } from '../search/match.ts';
import type { Services } from '../services.ts';
import { toVectorText } from './write.ts';

/** Everything is near to some degree: so many of the nearest count as found. */
export const MAX_NEAREST = 200;

/**
 * The messages of a user that are nearest in meaning, the score of each the cosine of the angle, 1 for the same meaning.
 * With conditions all that meet them are looked at; without, a large archive's index answers.
 */
export async function findNearest(
  services: Services,
  userId: string,
  model: string,
  vector: number[],
  { filter, excluded }: { filter: Parameters<typeof narrowSearch>[0]; excluded: string | null },
): Promise<Match[]> {
  const dimensions = vector.length;
  const narrowed = narrowSearch(filter, excluded === null ? 5 : 6);
  const conditions = [
    narrowed.conditions,
    excluded === null
      ? ''
      : `AND NOT EXISTS (SELECT FROM message_search x WHERE x.user_id = s.user_id
           AND x.conversation_id = s.conversation_id AND x.node_id = s.node_id AND x.terms @@ $5::tsquery)`,
  ].join(' ');
  const isNarrow = conditions.trim() !== '';
  const wanted = isNarrow
    ? `WITH wanted AS MATERIALIZED (SELECT DISTINCT s.conversation_id, s.node_id FROM message_search s ${narrowed.join}
         WHERE s.user_id = $1 ${conditions})`
    : '';
  const parameters = isNarrow ? [...(excluded === null ? [] : [excluded]), ...narrowed.parameters] : [];
  return services.database.transaction(async (tx) => {
    // Otherwise an index gives 40 at most.
    await tx.query(`SELECT set_config('hnsw.ef_search', $1, true)`, [String(MAX_NEAREST)]);
    return tx.query<Match>(
      `${wanted} SELECT v.conversation_id AS "conversationId", v.node_id AS "nodeId",
         1 - (v.embedding::halfvec(${dimensions}) <=> $4::halfvec(${dimensions})) AS score
       FROM sidecar_vectors.message_vectors v ${isNarrow ? 'JOIN wanted USING (conversation_id, node_id)' : ''}
       WHERE v.user_id = $1 AND v.model = $2 AND v.dimensions = $3 AND v.embedding IS NOT NULL
       ORDER BY v.embedding::halfvec(${dimensions}) <=> $4::halfvec(${dimensions}) LIMIT ${MAX_NEAREST}`,
      [userId, model, dimensions, toVectorText(vector), ...parameters],
    );
  });
}
