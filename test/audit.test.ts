import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeId } from '../src/domain/global-id.ts';
import { dialogue } from './archive/builders.ts';
import { makeKey, revokeKey } from './support/api-keys.ts';
import { type AuditAnswer, auditLogOf, eventFields, serverAuditLog } from './support/audit.ts';
import { createTestClient } from './support/client.ts';
import { exportOf } from './support/exports.ts';
import { startTestServer, type TestServer } from './support/server.ts';
import { changeTask, startSync, sync, untilOver } from './support/syncs.ts';
import { until } from './support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const actions = (events: AuditAnswer[]) => events.map(({ action }) => action);

describe('What a user does', () => {
  test('with keys is told with when, from where and with what', async () => {
    const { client, viewer } = await server.asUser();
    const made = await makeKey(server, client, { name: 'laptop' });
    await made.client.request('{ viewer { id } }');
    await made.client.rest('GET', '/sync/config');
    await revokeKey(made.client, made.apiKey.id);

    const { prefix } = made.apiKey;
    const ofKey = { credential: 'API_KEY', credentialId: made.apiKey.id };
    const common = {
      at: moment,
      userId: encodeId('User', viewer.userId),
      who: 'Second',
      address: '127.0.0.1',
      userAgent: 'node',
    };
    expect(await auditLogOf(client)).toEqual([
      { ...common, ...ofKey, action: 'api_key.revoked', subject: `laptop (${prefix})` },
      { ...common, ...ofKey, action: 'api_key.used', subject: null },
      {
        ...common,
        action: 'api_key.created',
        subject: `laptop (${prefix}, read, write)`,
        // The users of tests come in without one.
        credential: null,
        credentialId: null,
        address: null,
        userAgent: null,
      },
    ]);
  });

  test('with syncs is told, and never what they were given', async () => {
    const { client: maker } = await server.asUser();
    const { client, apiKey } = await makeKey(server, maker);
    const file = server.exports.serve(await exportOf([dialogue('told')]), { held: true });
    await client.rest('POST', '/sync/config', { sync_enabled: true, chatgpt_export_url: file.url });
    const { id } = await startSync(client, file.url);
    await changeTask(client, 'cancelSync', id);
    await changeTask(client, 'cancelSync', id);
    file.release();
    await changeTask(client, 'retrySync', id);
    await untilOver(client, id);
    await changeTask(client, 'undoSync', id);
    await changeTask(client, 'undoSync', id);
    const upload = await client.rest(
      'POST',
      '/sync/upload?file_name=mine.zip',
      await exportOf([dialogue('up')]),
    );
    await untilOver(client, (upload.json as { task_id: string }).task_id);

    const events = await auditLogOf(client);
    expect(actions(events)).toEqual([
      'sync.started',
      'sync.undone',
      'sync.retried',
      'sync.cancelled',
      'sync.started',
      'sync.configured',
      'api_key.used',
      'api_key.created',
    ]);
    const source = expect.stringMatching(/^127\.0\.0\.1:\d+ /);
    expect(events.slice(0, 6).map(({ subject }) => subject)).toEqual([
      'mine.zip',
      source,
      source,
      source,
      source,
      'on, every 24 hours, export URL set',
    ]);
    for (const event of events.slice(0, 7)) {
      expect(event).toMatchObject({ credentialId: apiKey.id, address: '127.0.0.1' });
    }
    expect(JSON.stringify(events)).not.toContain('http');
  });

  test('in vain is not told', async () => {
    const { client } = await server.asUser();
    const { id } = await sync((await server.asUser()).client, server.exports.serve('no zip').url);
    for (const mutation of ['cancelSync', 'retrySync', 'undoSync'] as const)
      await changeTask(client, mutation, id);
    await client.rest('POST', '/sync/config', { sync_enabled: true });
    await client.rest('POST', '/sync/manual', { export_url: 'http://169.254.169.254/' });
    await revokeKey(client, encodeId('ApiKey', id));
    expect(await auditLogOf(client)).toEqual([]);
  });
});

test('The use of a key is told once an hour for each address, also of many at the same time', async () => {
  const { client, viewer } = await server.asUser();
  const { client: user } = await makeKey(server, client);
  const use = () => Promise.all(Array.from({ length: 8 }, () => user.rest('GET', '/sync/config')));
  const uses = async () => actions(await auditLogOf(client)).filter((action) => action === 'api_key.used');
  await use();
  await server.services.database.query('UPDATE api_keys SET last_used_at = NULL WHERE user_id = $1', [
    viewer.userId,
  ]);
  await use();
  expect(await uses()).toHaveLength(1);
  await server.services.database.query(
    `UPDATE api_keys SET last_used_address = '192.0.2.7' WHERE user_id = $1`,
    [viewer.userId],
  );
  await server.services.database.query(
    `UPDATE audit_events SET address = '192.0.2.7' WHERE user_id = $1 AND action = 'api_key.used'`,
    [viewer.userId],
  );
  await use();
  expect(await uses()).toHaveLength(2);
});

test('The use of the owner’s key is told as well', async () => {
  const { client } = server;
  await until('it is told', async () => actions(await auditLogOf(client)).includes('api_key.used'));
  const used = (await auditLogOf(client)).filter(({ action }) => action === 'api_key.used');
  expect(used).toMatchObject([{ credential: 'OWNER_KEY', credentialId: null, address: '127.0.0.1' }]);
});

describe('The log', () => {
  test('is read page by page, each event once, and shows a user their own events only', async () => {
    const { client } = await server.asUser();
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) await makeKey(server, client, { name });
    const { client: other } = await server.asUser();
    await makeKey(server, other, { name: 'foreign' });

    const read: string[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const answer: { viewer: { auditLog: Page } } = await client.request(
        `query Log($after: String) {
          viewer { auditLog(first: 2, after: $after) {
            edges { node { ${eventFields} } } pageInfo { hasNextPage endCursor }
          } }
        }`,
        { after: after || null },
      );
      const { edges, pageInfo } = answer.viewer.auditLog;
      expect(edges.length).toBeLessThanOrEqual(2);
      read.push(...edges.map(({ node }) => node.subject?.split(' ')[0] ?? ''));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    }
    expect(read).toEqual(names.toReversed());
  });

  test('of everybody is for the owner with the scope of an admin', async () => {
    const { client, viewer } = await server.asUser();
    await makeKey(server, client, { name: 'of a user' });
    await makeKey(server, server.client, { name: 'of the owner' });
    const all = await serverAuditLog(server.client);
    const made = all.filter(({ action }) => action === 'api_key.created');
    expect(made.slice(0, 2)).toMatchObject([
      { subject: expect.stringContaining('of the owner'), who: 'Owner', credential: 'OWNER_KEY' },
      { subject: expect.stringContaining('of a user'), who: 'Second' },
    ]);
    expect(made[0]).toMatchObject({ address: '127.0.0.1', userAgent: 'node', credentialId: null });
    const userId = encodeId('User', viewer.userId);
    const one = await serverAuditLog(server.client, userId);
    expect(one.map((event) => event.userId)).toEqual([userId]);
    expect(await serverAuditLog(server.client, 'nonsense')).toEqual([]);

    const limited = await makeKey(server, server.client, { scopes: ['WRITE'] });
    const pretender = await server.asUser(new Set(['read', 'write', 'admin']));
    const query = `query Log($userId: ID) { auditLog(userId: $userId) { edges { node { action } } } }`;
    for (const refused of [client, limited.client, pretender.client]) {
      expect(await refused.ask(query, { userId })).toMatchObject({
        errors: [{ extensions: { code: 'NOT_ALLOWED' } }],
      });
    }
    expect(await createTestClient(server.url, null).ask(query)).toMatchObject({
      errors: [{ extensions: { code: 'NOT_SIGNED_IN' } }],
    });
  });
});

test('What is too old is swept by a worker, and nothing else', async () => {
  const own = await startTestServer({ backend: 'postgres', worker: false });
  const { client, services, viewer } = own;
  await makeKey(own, client, { name: 'young' });
  const ended = await makeKey(own, client, { name: 'ended long ago' });
  const { database } = services;
  await database.query(`UPDATE api_keys SET revoked_at = now() - interval '91 days' WHERE prefix = $1`, [
    ended.apiKey.prefix,
  ]);
  // The least UUIDv7 of 401 and of 399 days ago.
  await database.query(
    `INSERT INTO audit_events (user_id, id, action, subject)
     SELECT $1, (lpad(to_hex((extract(epoch FROM now() - make_interval(days => age)) * 1000)::bigint), 12, '0')
       || '7000' || '8000' || lpad(to_hex(age), 12, '0'))::uuid, 'sync.started', age::text
     FROM unnest('{399,401}'::int[]) AS age`,
    [viewer.userId],
  );
  const subjects = async () => (await auditLogOf(client)).map(({ subject }) => subject);
  const noted = async () => actions(await auditLogOf(client)).includes('api_key.used');
  await until('the use of the owner’s key is told', noted);
  const before = await subjects();
  expect(before.slice(-2)).toEqual(['399', '401']);
  await own.startWorker();
  await until('the old event is gone', async () => !(await subjects()).includes('401'));
  expect(await subjects()).toEqual(before.slice(0, -1));
  const keys = () => database.query<{ name: string }>('SELECT name FROM api_keys ORDER BY name');
  await until('the ended key is gone', async () => (await keys()).length === 1);
  expect(await keys()).toEqual([{ name: 'young' }]);
  await own.close();
});

interface Page {
  edges: { node: AuditAnswer }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}
