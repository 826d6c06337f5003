import type { Services } from '../services.ts';

/** For what is expected of `a OR b` is too much when both stand in the same messages, and the newest may say less of something. */
const MARGIN = 3;
/** Of a larger part of somebody's messages the index by time spares too little. */
const LARGEST_PART = 0.3;

/** A condition on `message_search s` of the user `$1`. Its index is one that PostgreSQL joins with that of the terms. */
export const isSince = (moment: string) =>
  `AND uuid_hash(s.user_id) = uuid_hash($1::uuid) AND s.created_at >= ${moment}::timestamptz`;

/**
 * A moment since which there probably are `wanted` rows of a common word and not many times more; null when all are better
 * looked at. PostgreSQL tells how many rows it expects of `rows`, which follows a SELECT, and the user's conversations how
 * far back that part of them goes.
 */
export async function guessRecent(
  services: Services,
  userId: string,
  rows: { sql: string; parameters: unknown[] },
  { wanted, before }: { wanted: number; before: Date | null },
): Promise<Date | null> {
  const part = (MARGIN * wanted) / (await expectRows(services, rows));
  if (part > LARGEST_PART) return null;
  const conversations = {
    sql: `FROM conversations WHERE user_id = $1 AND ($2::timestamptz IS NULL OR updated_at < $2)`,
    parameters: [userId, before],
  };
  const behind = Math.ceil(part * (await expectRows(services, conversations)));
  const [row] = await services.database.query<{ updatedAt: Date | null }>(
    `SELECT updated_at AS "updatedAt" ${conversations.sql}
     ORDER BY updated_at DESC NULLS LAST, id DESC OFFSET $3 LIMIT 1`,
    [...conversations.parameters, behind],
  );
  return row?.updatedAt ?? null;
}

async function expectRows(
  { database }: Services,
  { sql, parameters }: { sql: string; parameters: unknown[] },
): Promise<number> {
  const [row] = await database.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `EXPLAIN (FORMAT JSON) SELECT ${sql}`,
    parameters,
  );
  return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}
