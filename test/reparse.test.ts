import { afterAll, beforeAll, expect, test } from 'vitest';
import { conversationAt, toSlim } from '../bench/generator/index.ts';
import { dumpContent } from './support/account.ts';
import { exportOf } from './support/exports.ts';
import { runScript } from './support/programs.ts';
import { startTestServer, type TestServer } from './support/server.ts';
import { sync } from './support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

test('npm run reparse makes every row anew from the bytes that an import kept', async () => {
  const { client, services, viewer } = server;
  const conversations = Array.from({ length: 12 }, (_, index) => conversationAt(5, index));
  await sync(client, server.exports.serve(await exportOf(conversations)).url);
  const before = await dumpContent(services, viewer.userId);

  // As an older reader might have left them: no text, messages and conversations' heads wrong, nothing to be found.
  await services.database.query(`UPDATE messages SET text = '', kind = 'HIDDEN' WHERE ordinal % 2 = 0`);
  await services.database.query('DELETE FROM messages WHERE ordinal > 4');
  await services.database.query(`UPDATE conversations SET title = 'Lost', message_count = 1`);
  await services.database.query('DELETE FROM message_search');
  expect(await dumpContent(services, viewer.userId)).not.toEqual(before);

  const reparse = await runScript('reparse', [], { DB_URL: server.databaseUrl, API_KEY: server.apiKey });
  expect(await reparse.exited, reparse.stderr()).toBe(0);
  expect(reparse.stdout()).toContain('12 conversations, 12 came out otherwise');
  expect(await dumpContent(services, viewer.userId)).toEqual(before);

  const again = await runScript('reparse', [], { DB_URL: server.databaseUrl, API_KEY: server.apiKey });
  expect(await again.exited, again.stderr()).toBe(0);
  expect(again.stdout()).toContain('12 conversations, 0 came out otherwise');
});

test('npm run reparse reads all versions, whatever was written down of what covers what', async () => {
  const { services } = server;
  const { client, viewer } = await server.asUser();
  const full = Array.from({ length: 3 }, (_, index) => conversationAt(9, index));
  for (const forms of [full, full.map((_, index) => toSlim(conversationAt(9, index, { changed: true })))]) {
    await sync(client, server.exports.serve(await exportOf(forms)).url);
  }
  const before = await dumpContent(services, viewer.userId);
  const coveredBy = () =>
    services.database.query('SELECT covered_by FROM conversation_versions WHERE user_id = $1', [
      viewer.userId,
    ]);
  expect(await coveredBy()).toEqual(Array(6).fill({ covered_by: null }));
  // As other rules of merging might have had it.
  await services.database.query(
    `UPDATE conversation_versions v SET covered_by = other.sha256 FROM conversation_versions other
     WHERE v.user_id = $1 AND other.user_id = $1 AND other.conversation_id = v.conversation_id
       AND other.updated_at > v.updated_at`,
    [viewer.userId],
  );
  const reparse = await runScript('reparse', [], { DB_URL: server.databaseUrl, API_KEY: server.apiKey });
  expect(await reparse.exited, reparse.stderr()).toBe(0);
  expect(await dumpContent(services, viewer.userId)).toEqual(before);
  expect(await coveredBy()).toEqual(Array(6).fill({ covered_by: null }));
});
