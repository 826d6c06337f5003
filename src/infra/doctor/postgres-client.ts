import pg from 'pg';

/** A connection of the doctor's own, not yet made, that gives up within seconds and survives a server that goes away. */
export function postgresClient(url: string): pg.Client {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'sidecar-doctor',
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
  });
  // Without a listener the loss of the connection would end the program; the query that is asked fails anyhow.
  client.on('error', () => undefined);
  return client;
}
