import { openDatabase } from '../database.ts';
import { type Check, mend, ok, reasonOf } from './finding.ts';

const PATIENCE_MS = 5_000;

/** Which database of which server this is, in a form that is the same over every way to it. */
const WHICH_DATABASE = `SELECT oid::text || ' ' || extract(epoch FROM pg_postmaster_start_time())::text AS which
  FROM pg_database WHERE datname = current_database()`;

/** Whether DB_URL answers the server as it will ask, and leads to the same database as DB_DIRECT_URL, which answers. */
export async function* checkPooler(url: string, directUrl: string): Check {
  const [pooled, direct] = [url, directUrl].map((each) =>
    openDatabase({ url: each, connectTimeoutMs: PATIENCE_MS, maxConnections: 1 }),
  );
  if (!pooled || !direct) return;
  try {
    const [there, here] = await Promise.all(
      [pooled, direct].map(({ database }) => database.query<{ which: string }>(WHICH_DATABASE)),
    );
    if (there?.[0]?.which === here?.[0]?.which) yield ok('DB_URL leads to the database of DB_DIRECT_URL.');
    else yield mend('DB_URL and DB_DIRECT_URL lead to different databases. Correct one of them.');
  } catch (error) {
    const reason = reasonOf(error);
    const advice = reason.includes('startup parameter')
      ? 'Add pgbouncer=true to it.'
      : 'Correct it, or start the pooler.';
    yield mend(`DB_URL does not answer: ${reason}. ${advice}`);
  } finally {
    await Promise.all([pooled.close(), direct.close()]);
  }
}
