import { execFile } from 'node:child_process';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { listBelow } from '../support/account.ts';
import { exportOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { startTestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { leftovers, setStage } from './stage.ts';

const stage = setStage();

describe('A folder of the server', () => {
  const ingest = (user: Pick<TestUser, 'client'>, rootPath: string, path = '/ingest/chatgpt-export') =>
    user.client.rest('POST', path, { root_path: rootPath });

  test('and a zip below INGEST_ROOT are imported in place', async () => {
    const user = stage.server;
    await mkdir(join(stage.ingestRoot, 'folder'));
    await writeFile(
      join(stage.ingestRoot, 'folder', 'conversations.json'),
      JSON.stringify([dialogue('f1'), dialogue('f2')]),
    );
    await writeFile(join(stage.ingestRoot, '..zip'), await exportOf([dialogue('z1')]));
    expect(await ingest(user, 'folder')).toMatchObject({
      status: 200,
      json: { imported_conversations: 2, task_id: expect.any(String), status: 'COMPLETED', detail: null },
    });
    expect(
      await ingest(user, join(stage.ingestRoot, '..zip'), '/ingest/chatgpt-export-multi-layer'),
    ).toMatchObject({
      status: 200,
      json: {
        conversations_processed: 1,
        chunks_by_layer: { message: 2, exchange: 2, conversation: 1 },
        total_chunks: 5,
      },
    });
    expect(await listBelow(stage.ingestRoot)).toEqual(['..zip', 'folder/conversations.json']);
    expect(await leftovers(stage)).toEqual([]);

    await writeFile(join(stage.ingestRoot, 'broken.zip'), 'This is no archive.');
    for (const [path, count] of [
      ['/ingest/chatgpt-export', 'imported_conversations'],
      ['/ingest/chatgpt-export-multi-layer', 'conversations_processed'],
    ] as const) {
      expect(await ingest(user, 'broken.zip', path)).toMatchObject({
        status: 200,
        json: { [count]: 0, status: 'FAILED', detail: expect.stringMatching(/^[A-Z].+\.$/) },
      });
    }
    await rm(join(stage.ingestRoot, 'broken.zip'));
  });

  test('is not taken for a file that was replaced before it was read', async () => {
    const path = join(stage.ingestRoot, 'replaced.zip');
    const old = await exportOf([dialogue('old1'), dialogue('old2')]);
    await writeFile(path, old);
    const gate = await holdImportsAfter(
      stage.server.databaseUrl,
      0,
      'UPDATE OF archive_sha256 ON sync_tasks',
    );
    try {
      const answer = ingest(stage.server, 'replaced.zip');
      await until('the old one is hashed', () => gate.isWaitedFor());
      await writeFile(`${path}.new`, await exportOf([dialogue('newer')]));
      await rename(`${path}.new`, path);
      await gate.open();
      expect(await answer).toMatchObject({ json: { imported_conversations: 1, status: 'COMPLETED' } });
    } finally {
      await gate.open();
      await rm(path);
    }
    const again = await sync(stage.server.client, stage.server.exports.serve(old).url);
    expect(again).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });
  });

  test('is for the owner alone, whatever others may do', async () => {
    const user = await stage.server.asUser(new Set(['read', 'write', 'admin']));
    await writeFile(join(stage.ingestRoot, 'owners.zip'), await exportOf([dialogue('private')]));
    for (const path of ['/ingest/chatgpt-export', '/ingest/chatgpt-export-multi-layer']) {
      for (const name of ['owners.zip', 'none.zip', '../..']) {
        expect(await ingest(user, name, path)).toMatchObject({
          status: 403,
          json: { detail: 'Only the owner may import files of the server.' },
        });
      }
    }
    expect((await user.client.rest('GET', '/sync/history')).json).toMatchObject({ total_syncs: 0 });
    await rm(join(stage.ingestRoot, 'owners.zip'));
  });

  test('outside of INGEST_ROOT is refused, however it is named', async () => {
    const user = stage.server;
    const before = await user.client.rest('GET', '/sync/history');
    await writeFile(join(stage.outside, 'export.zip'), await exportOf([dialogue('secret')]));
    await symlink(stage.outside, join(stage.ingestRoot, 'link'));
    const paths = [
      stage.outside,
      join(stage.outside, 'export.zip'),
      `${stage.ingestRoot}/../${stage.outside.slice(5)}`,
      '../..',
      'link',
      'link/export.zip',
      '/none',
    ];
    for (const path of paths) expect(await ingest(user, path)).toMatchObject({ status: 403 });
    expect(await ingest(user, 'none.zip')).toMatchObject({ status: 404 });
    expect(await ingest(user, 'a\0b')).toMatchObject({ status: 404 });
    expect(await ingest(user, '')).toMatchObject({
      status: 422,
      json: { detail: [{ loc: ['body', 'root_path'] }] },
    });
    const { json } = await user.client.rest('GET', '/sync/history');
    expect(json).toEqual(before.json);
    await rm(join(stage.ingestRoot, 'link'));
  });

  test('is no pipe, which nobody may ever write into', async () => {
    await promisify(execFile)('mkfifo', [join(stage.ingestRoot, 'pipe.zip')]);
    expect(await ingest(stage.server, 'pipe.zip')).toMatchObject({ status: 404 });
    await rm(join(stage.ingestRoot, 'pipe.zip'));
  });

  test('waits for INGEST_ROOT to come back', async () => {
    const away = `${stage.ingestRoot}-away`;
    await rename(stage.ingestRoot, away);
    const refused = await ingest(stage.server, 'folder');
    await rename(away, stage.ingestRoot);
    expect(refused).toMatchObject({ status: 503, json: { detail: expect.stringContaining('INGEST_ROOT') } });
  });

  test('is never imported without INGEST_ROOT', async () => {
    const plain = await startTestServer({ backend: 'postgres' });
    try {
      const { status, json } = await plain.client.rest('POST', '/ingest/chatgpt-export', {
        root_path: stage.outside,
      });
      expect(status).toBe(403);
      expect(json).toMatchObject({ detail: expect.stringContaining('INGEST_ROOT') });
    } finally {
      await plain.close();
    }
  });
});
