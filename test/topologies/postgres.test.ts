import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkReplicas } from '../../src/infra/doctor/replica.ts';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf } from '../support/account.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { createTestClient, type TestClient } from '../support/client.ts';
import { exportOf } from '../support/exports.ts';
import { query } from '../support/postgres.ts';
import { type PostgresPair, startPostgresPair } from '../support/postgres-pair.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startServerProcess } from '../support/server-process.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let certificates: Certificates;
let pair: PostgresPair;
let server: TestServer;
let env: Record<string, string>;
beforeAll(async () => {
  certificates = await makeCertificates();
  pair = await startPostgresPair(certificates);
  env = { DB_URL: pair.primaryUrl, DB_REPLICA_URLS: pair.replicaUrl };
  server = await startTestServer({ backend: 'redis', env });
});
afterAll(async () => {
  await server?.close();
  await pair?.close();
  await certificates?.close();
});

interface Seen {
  history: number;
  listed: string;
  opened: string;
  found: string;
}

/** What a client reads of history, conversations and search. */
async function look(client: TestClient): Promise<Seen> {
  const page = await client.request<{
    syncHistory: { edges: { node: { counts: { added: number } } }[] };
    conversations: { edges: { node: { id: string; title: string } }[] };
    search: { edges: { node: { conversation: { title: string } } }[] };
  }>(`query {
    syncHistory(first: 1) { edges { node { counts { added } } } }
    conversations(first: 1) { edges { node { id title } } }
    search(query: "hello", first: 1) { edges { node { conversation { title } } } }
  }`);
  const listed = page.conversations.edges[0]?.node;
  const { conversation } = await client.request<{ conversation: { title: string } }>(
    'query ($id: ID!) { conversation(id: $id) { title } }',
    { id: listed?.id },
  );
  return {
    history: page.syncHistory.edges[0]?.node.counts.added ?? 0,
    listed: listed?.title ?? '',
    opened: conversation.title,
    found: page.search.edges[0]?.node.conversation.title ?? '',
  };
}

const seeing = (title: string, history: number): Seen => ({
  history,
  listed: title,
  opened: title,
  found: title,
});
const replay = (verb: 'pause' | 'resume') => query(pair.replicaUrl, `SELECT pg_wal_replay_${verb}()`);

/** Changes rows behind the server's back, of which no note is made. */
async function changeOnPrimary(title: string, added: number): Promise<void> {
  await query(pair.primaryUrl, `UPDATE conversations SET title = '${title}'`);
  await query(pair.primaryUrl, `UPDATE sync_tasks SET added = ${added}`);
}

test('History, conversations and search are read from a replica over TLS, and by who wrote from the primary', async () => {
  const writer = server.client;
  const reader = await server.asUser();
  const content = await exportOf([dialogue('hello', { title: 'As imported' })]);
  for (const { client } of [server, reader]) {
    const { id } = await sync(client, server.exports.serve(content).url);
    expect(id).toBeTruthy();
    // Whatever the replica has by now, what was imported is there.
    expect(await look(client)).toEqual(seeing('As imported', 1));
  }
  const caughtUp = async () => {
    const [row] = await query(
      pair.primaryUrl,
      'SELECT count(*)::int AS waiting FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()',
    );
    return row?.waiting === 0;
  };
  await until('the replica has caught up', caughtUp);
  await replay('pause');
  await changeOnPrimary('Behind the back', 7);
  for (const { client } of [server, reader]) expect(await look(client)).toEqual(seeing('As imported', 1));

  const { text: metrics } = await server.services.metrics.read();
  expect(metrics).toMatch(/^sidecar_database_connections\{pool="replica 1 bulk",state="idle"\} [1-9]/m);

  const findings = [];
  for await (const { message } of checkReplicas([pair.replicaUrl, pair.primaryUrl])) findings.push(message);
  expect(findings).toEqual([
    'Replica 1 follows the primary.',
    expect.stringMatching(/^Replica 2 follows no other/),
  ]);

  const other = await startServerProcess({
    ...env,
    REDIS_URL: server.redisUrl ?? '',
    DATA_DIR: dataDirOf(server.services),
    API_KEY: server.apiKey,
  });
  const elsewhere = createTestClient(other.url, server.apiKey);
  const { conversations } = await elsewhere.request<{ conversations: { edges: { node: { id: string } }[] } }>(
    '{ conversations(first: 1) { edges { node { id } } } }',
  );
  await elsewhere.request(
    `mutation ($id: ID!) { renameConversation(id: $id, title: "Renamed") { __typename } }`,
    { id: conversations.edges[0]?.node.id },
  );
  for (const client of [elsewhere, writer]) expect(await look(client)).toEqual(seeing('Renamed', 7));
  expect(await look(reader.client)).toEqual(seeing('As imported', 1));

  await replay('resume');
  await until('the replica has caught up', caughtUp);
  await replay('pause');
  await changeOnPrimary('Behind the back again', 8);
  expect(await look(writer)).toEqual(seeing('Renamed', 7));
  await replay('resume');
  await elsewhere.close();
  await other.kill();

  await pair.stopReplica();
  for (const { client } of [server, reader])
    expect(await look(client)).toEqual(seeing('Behind the back again', 8));
  expect(server.logged()).toContain('a replica failed');
});
