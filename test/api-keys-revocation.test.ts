import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { makeKey, revokeKey } from './support/api-keys.ts';
import { createTestClient, type TestClient, type Transport } from './support/client.ts';
import { exportOf } from './support/exports.ts';
import { backends, startTestServer, type TestServer } from './support/server.ts';
import { startSync, type TaskAnswer, untilOver } from './support/syncs.ts';

const transports: Transport[] = ['sse', 'websocket'];

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  /** A user whose sync stands still until it is released. */
  async function userWithTask() {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('held')]), { held: true });
    const { id } = await startSync(client, file.url);
    return { client, taskId: id, release: file.release };
  }

  const watch = (client: TestClient, transport: Transport) =>
    client.subscribe<{ syncActivity: TaskAnswer }>(transport, 'subscription { syncActivity { id status } }');

  test.each(transports)(
    'a stream over %s ends when its key is revoked, and no other does',
    async (transport) => {
      const { client, taskId, release } = await userWithTask();
      const ended = await makeKey(server, client);
      const kept = await makeKey(server, client);
      const endedEvents = watch(ended.client, transport);
      const keptEvents = watch(kept.client, transport);
      for (const events of [endedEvents, keptEvents]) {
        expect((await events.next()).value.syncActivity.id).toBe(taskId);
      }
      await revokeKey(client, ended.apiKey.id);
      await expect(drain(endedEvents)).rejects.toThrow('NOT_SIGNED_IN');
      const again = createTestClient(server.url, ended.key);
      await expect(drain(watch(again, transport))).rejects.toThrow('NOT_SIGNED_IN');

      release();
      for (let status = ''; status !== 'COMPLETED'; ) {
        status = (await keptEvents.next()).value.syncActivity.status;
      }
      await keptEvents.return?.();
      await Promise.all([ended.client, again, kept.client].map((each) => each.close()));
    },
  );

  test.each(transports)('a stream over %s ends when its key expires', async (transport) => {
    const { client, taskId, release } = await userWithTask();
    const expiresAt = new Date(Date.now() + 2_000).toISOString();
    const made = await makeKey(server, client, { expiresAt });
    const events = watch(made.client, transport);
    expect((await events.next()).value.syncActivity.id).toBe(taskId);
    await expect(drain(events)).rejects.toThrow('NOT_SIGNED_IN');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    await made.client.close();
    release();
    await untilOver(client, taskId);
  });
});

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}
