import { type Check, mend, note, ok, reasonOf } from './finding.ts';
import { postgresClient } from './postgres-client.ts';

/** What is read from a replica is at least as new as what its user wrote, but what workers add should not take minutes. */
const MAX_LAG_SECONDS = 60;

/** Whether each replica answers, follows another server, and keeps up with it. */
export async function* checkReplicas(urls: string[]): Check {
  for (const [index, url] of urls.entries()) yield* checkReplica(url, `Replica ${index + 1}`);
}

async function* checkReplica(url: string, name: string): Check {
  const client = postgresClient(url);
  try {
    await client.connect();
    const { rows } = await client.query<{ follows: boolean; lag: number | null }>(
      `SELECT pg_is_in_recovery() AS follows,
         CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
           ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END::float8 AS lag`,
    );
    const [state] = rows;
    if (!state?.follows) yield mend(`${name} follows no other server. Name standbys in DB_REPLICA_URLS.`);
    else if ((state.lag ?? 0) > MAX_LAG_SECONDS) {
      yield note(`${name} is ${Math.round(state.lag ?? 0)} s behind, so most reads go to the primary.`);
    } else yield ok(`${name} follows the primary.`);
  } catch (error) {
    yield mend(
      `${name} cannot be reached: ${reasonOf(error)}. Correct DB_REPLICA_URLS, or start the server.`,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
