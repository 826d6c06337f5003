import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf, listBelow } from '../support/account.ts';
import { makeKey, revokeKey } from '../support/api-keys.ts';
import { withFiles } from '../support/conversations.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { sync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

/** A user who is there to stay, and a key of theirs that is not. */
async function userWithKey() {
  const user = await server.asUser();
  const { key, apiKey, client } = await makeKey(server, user.client);
  await client.close();
  return { user, key, revoke: () => revokeKey(user.client, apiKey.id) };
}

const filesBelow = (folder: string) => listBelow(`${dataDirOf(server.services)}/${folder}`);

/** A request whose body is still to be written; `answer` is the response once there is one. */
function open(method: string, path: string, headers: Record<string, string>) {
  const sent: { request: ClientRequest; answer: IncomingMessage | null; isClosed: boolean } = {
    request: request(new URL(path, server.url), { method, headers }),
    answer: null,
    isClosed: false,
  };
  sent.request.on('response', (answer) => {
    sent.answer = answer;
  });
  sent.request.on('error', () => undefined);
  sent.request.on('close', () => {
    sent.isClosed = true;
  });
  return sent;
}

test('an upload ends with the key that it came with, and nothing of it stays', async () => {
  const { user, key, revoke } = await userWithKey();
  const upload = open('POST', '/sync/upload', { 'x-api-key': key, 'content-type': 'application/zip' });
  upload.request.write(randomBytes(1_000));
  await until('it has begun', async () => (await filesBelow('archives')).length === 1);
  await revoke();
  await until('it is answered', () => upload.answer ?? void upload.request.write(randomBytes(1_000)));
  expect(upload.answer?.statusCode).toBe(401);
  upload.request.destroy();
  expect(await filesBelow('archives')).toEqual([]);
  expect(await server.services.prisma.syncTask.count({ where: { userId: user.viewer.userId } })).toBe(0);
});

test('a resumable upload is cut off with its key, and goes on with another', async () => {
  const { user, key, revoke } = await userWithKey();
  const zip = await exportOf([dialogue('resumed')]);
  const tus = { 'tus-resumable': '1.0.0' };
  const created = await fetch(`${server.url}/sync/upload/resumable`, {
    method: 'POST',
    headers: { ...tus, 'x-api-key': key, 'upload-length': String(zip.length) },
  });
  const url = new URL(created.headers.get('location') ?? '', server.url).href;
  const piece = { ...tus, 'content-type': 'application/offset+octet-stream' };
  const length = String(zip.length);
  const patch = open('PATCH', url, {
    ...piece,
    'x-api-key': key,
    'upload-offset': '0',
    'content-length': length,
  });
  patch.request.write(zip.subarray(0, 100));
  const upload = join(dataDirOf(server.services), 'uploads', url.split('/').at(-1) ?? '');
  await until('it has begun', async () => (await stat(upload)).size === 100);
  await revoke();
  await until('it is cut off', () => patch.isClosed);
  expect(patch.answer).toBeNull();
  expect((await fetch(url, { method: 'HEAD', headers: { ...tus, 'x-api-key': key } })).status).toBe(401);

  const mine = { 'x-api-key': user.apiKey };
  const head = await fetch(url, { method: 'HEAD', headers: { ...tus, ...mine } });
  const offset = Number(head.headers.get('upload-offset'));
  expect(offset).toBe(100);
  const rest = await fetch(url, {
    method: 'PATCH',
    headers: { ...piece, ...mine, 'upload-offset': String(offset) },
    body: new Uint8Array(zip.subarray(offset)),
  });
  const { task_id: taskId } = (await rest.json()) as { task_id: string };
  expect(await untilOver(user.client, taskId)).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
});

test('a download is cut off with the key that it came with', async () => {
  const { user, key, revoke } = await userWithKey();
  // More than lies between the two ends, in the buffers of their connection.
  const content = randomBytes(32_000_000);
  const zip = await zipOf({
    'conversations.json': JSON.stringify([withFiles('files', { id: 'file-A' })]),
    'file-A.txt': content,
  });
  expect(await sync(user.client, server.exports.serve(zip).url)).toMatchObject({ status: 'COMPLETED' });
  const { conversations } = await user.client.request<{
    conversations: { edges: { node: { assets: { url: string }[] } }[] };
  }>('{ conversations { edges { node { assets { url } } } } }');
  const download = open('GET', conversations.edges[0]?.node.assets[0]?.url ?? '', { 'x-api-key': key });
  download.request.end();
  const [answer] = (await once(download.request, 'response')) as [IncomingMessage];
  expect(answer.headers['content-length']).toBe(String(content.length));
  answer.on('error', () => undefined);
  const cutOff = () => server.logged().split('"request aborted"').length;
  const before = cutOff();
  await revoke();
  // Nothing is read until then, or it would be over first.
  await until('it is cut off', () => cutOff() > before);
  let received = 0;
  answer.on('data', (part: Buffer) => {
    received += part.length;
  });
  await until('what was on its way has come', () => download.isClosed);
  expect(answer.complete).toBe(false);
  expect(received).toBeLessThan(content.length);
});
