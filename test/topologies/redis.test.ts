import { expect, onTestFinished, test } from 'vitest';
import { checkRedis } from '../../src/infra/doctor/redis.ts';
import { connectRedis, serversOf } from '../../src/infra/redis.ts';
import { dialogue } from '../archive/builders.ts';
import { makeCertificates } from '../support/certificates.ts';
import { redisConfigOf } from '../support/config.ts';
import { exportOf } from '../support/exports.ts';
import { runScript } from '../support/programs.ts';
import {
  type RedisTopology,
  startCluster,
  startSecureRedis,
  startSentinels,
} from '../support/redis-topologies.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startSync, statusSubscription, sync, type TaskAnswer } from '../support/syncs.ts';
import { until } from '../support/until.ts';

async function serverOn(topology: RedisTopology): Promise<TestServer> {
  const server = await startTestServer({ backend: 'redis', redisUrl: topology.url });
  onTestFinished(() => server.close());
  return server;
}

const anExport = (name: string) => exportOf([dialogue(`${name}-1`), dialogue(`${name}-2`)]);

/** Imports, and answers every state that a subscription saw; `meanwhile` happens half-way through the download. */
async function follow(server: TestServer, content: Buffer, meanwhile: () => Promise<unknown>) {
  const file = server.exports.serve(content, { held: true });
  const { id: taskId } = await startSync(server.client, file.url);
  const states: TaskAnswer[] = [];
  const events = server.client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, { taskId });
  let released = false;
  for await (const { syncStatus } of events) {
    states.push(syncStatus);
    if (released || syncStatus.phase !== 'DOWNLOADING') continue;
    released = true;
    await meanwhile();
    file.release();
  }
  return states;
}

/** Queue, worker, events, rate limits, readiness and the doctor, each on this Redis. */
async function expectAllToWork(server: TestServer, topology: RedisTopology) {
  const states = await follow(server, await anExport('first'), async () => undefined);
  expect(states.map(({ phase }) => phase)).toContain('DOWNLOADING');
  expect(states.at(-1)).toMatchObject({
    status: 'COMPLETED',
    phase: 'DONE',
    counts: { added: 2 },
    attempt: 1,
  });
  expect((await server.client.rest('GET', '/readyz')).json).toEqual({ ok: true });

  await server.services.limits.spend('keyCreation', { userId: 'somebody' });
  const keys = await keysOf(topology.url);
  expect(keys).toContainEqual(expect.stringMatching(/^sidecar:limit:keyCreation:/));
  expect(keys.some((key) => key.startsWith('{bull}:'))).toBe(true);
  expect(server.logged()).not.toContain(topology.password);

  const said: Record<string, string[]> = { ok: [], note: [], mend: [] };
  for await (const { level, message } of checkRedis(redisConfigOf(topology.url))) said[level]?.push(message);
  expect(said.ok).toContainEqual(expect.stringMatching(/^Redis [\d.]+ answers\.$/));
  expect(said.ok).toContain('Redis evicts nothing.');
  expect(said.mend).toEqual([]);
}

async function keysOf(url: string): Promise<string[]> {
  const client = connectRedis(redisConfigOf(url), { lazyConnect: true });
  await client.connect();
  try {
    return (await Promise.all(serversOf(client).map((server) => server.keys('*')))).flat();
  } finally {
    client.disconnect();
  }
}

test('Redis may want a password and speak TLS, with a certificate by an authority of its own', async () => {
  const certificates = await makeCertificates();
  onTestFinished(certificates.close);
  const distrust = certificates.trust();
  onTestFinished(distrust);
  const topology = await startSecureRedis(certificates);
  onTestFinished(topology.close);
  const server = await serverOn(topology);
  await expectAllToWork(server, topology);

  const doctor = (env: Record<string, string>) =>
    runScript('doctor', [], { DB_URL: server.databaseUrl, REDIS_URL: topology.url, ...env });
  const [friend, stranger] = await Promise.all([
    doctor({ NODE_EXTRA_CA_CERTS: certificates.authority }),
    doctor({}),
  ]);
  await friend.prints(/^ok +redis +Redis evicts nothing/m);
  await stranger.prints(/^MEND +redis +Redis cannot be reached: .*NODE_EXTRA_CA_CERTS/m);
  expect(stranger.stdout()).not.toContain(topology.password);
});

test('Redis may be behind Sentinels, whose new primary is found when the old one dies', async () => {
  const topology = await startSentinels();
  onTestFinished(topology.close);
  const server = await serverOn(topology);
  await expectAllToWork(server, topology);

  const states = await follow(server, await anExport('second'), async () => {
    await topology.killPrimary();
    await until('the API has found the new primary', async () => {
      const { status } = await server.client.rest('GET', '/readyz');
      return status === 200;
    });
  });
  expect(states.at(-1)).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });
  const after = await sync(server.client, server.exports.serve(await anExport('third')).url);
  expect(after).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });
});

test('Redis may be a cluster, of which some nodes are named and not all of these are there', async () => {
  const topology = await startCluster();
  onTestFinished(topology.close);
  await expectAllToWork(await serverOn(topology), topology);
});
