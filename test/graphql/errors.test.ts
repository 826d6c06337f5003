import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestClient } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startMutation } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

describe('A mutation answers expected failures as types:', () => {
  const configure = `mutation Configure($input: ConfigureSyncInput!) {
    configureSync(input: $input) {
      __typename
      ... on SyncConfig { enabled hasExportUrl frequencyHours }
      ... on Error { message code }
      ... on InvalidInput { fieldErrors { path message } }
    }
  }`;

  test('NotSignedIn to a stranger and to a wrong key', async () => {
    for (const key of [null, 'wrong']) {
      const stranger = createTestClient(server.url, key);
      const { startSync } = await stranger.request<{ startSync: object }>(startMutation, {});
      expect(startSync).toMatchObject({ __typename: 'NotSignedIn', code: 'NOT_SIGNED_IN' });
      expect(await stranger.ask('{ viewer { id } }')).toEqual({ data: { viewer: null } });
      const { errors } = await stranger.ask('{ syncConfig { enabled } }');
      expect(errors).toMatchObject([{ extensions: { code: 'NOT_SIGNED_IN' } }]);
      await stranger.close();
    }
  });

  test('NotAllowed to a key that may only read', async () => {
    const { client } = await server.asUser(new Set(['read']));
    const { startSync } = await client.request<{ startSync: object }>(startMutation, {});
    expect(startSync).toMatchObject({ __typename: 'NotAllowed', code: 'NOT_ALLOWED' });
    expect(await client.request('{ syncConfig { enabled } }')).toEqual({ syncConfig: { enabled: false } });
  });

  test('InvalidInput with every field that is wrong', async () => {
    const { client } = await server.asUser();
    const { configureSync } = await client.request<{ configureSync: object }>(configure, {
      input: { enabled: true, frequencyHours: 0 },
    });
    expect(configureSync).toMatchObject({
      __typename: 'InvalidInput',
      fieldErrors: [{ path: ['frequencyHours'] }],
    });
    const withoutUrl = await client.request<{ configureSync: object }>(configure, {
      input: { enabled: true },
    });
    expect(withoutUrl.configureSync).toMatchObject({
      __typename: 'InvalidInput',
      fieldErrors: [{ path: ['exportUrl'] }],
    });
  });

  test('and the result when all is well', async () => {
    const { client } = await server.asUser();
    const url = 'https://example.com/export.zip';
    const { configureSync } = await client.request<{ configureSync: object }>(configure, {
      input: { enabled: true, exportUrl: url, frequencyHours: 6 },
    });
    const expected = { enabled: true, hasExportUrl: true, frequencyHours: 6 };
    expect(configureSync).toEqual({ __typename: 'SyncConfig', ...expected });
    // What is left out stays; null removes.
    await client.request(configure, { input: { enabled: false } });
    expect(await client.request('{ syncConfig { enabled hasExportUrl frequencyHours } }')).toEqual({
      syncConfig: { ...expected, enabled: false },
    });
    await client.request(configure, { input: { enabled: false, exportUrl: null } });
    expect(await client.request('{ syncConfig { hasExportUrl } }')).toEqual({
      syncConfig: { hasExportUrl: false },
    });
  });
});
