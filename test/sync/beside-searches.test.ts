import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import type { Services } from '../../src/domain/services.ts';
import { claimTask } from '../../src/domain/sync/claim.ts';
import { importArchive } from '../../worker/import.ts';
import { openReporter } from '../../worker/reporter.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startSync } from '../support/syncs.ts';

/** A small first batch, two full ones and the rest. */
const CONVERSATIONS = 900;
const BATCH = 400;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

test.each([
  { needsRoom: false, ahead: (most: number) => expect(most).toBeGreaterThan(2 * BATCH) },
  { needsRoom: true, ahead: (most: number) => expect(most).toBeLessThanOrEqual(BATCH) },
])(
  'an import reads ahead of what it writes unless a search needs room: $needsRoom',
  async ({ needsRoom, ahead }) => {
    const folder = await mkdtemp(join(tmpdir(), 'sidecar-ahead-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'export.zip');
    await writeFile(
      path,
      await exportOf(Array.from({ length: CONVERSATIONS }, (_, index) => dialogue(`c-${index}`))),
    );
    const user = await server.asUser();
    const { id } = await startSync(user.client, server.exports.serve('').url);
    const lease = await claimTask(server.services, user.viewer.userId, localId('SyncTask', id));
    if (!lease) throw new Error('The task could not be claimed.');

    const { threads, metrics } = server.services;
    let read = 0;
    let written = 0;
    let most = 0;
    const services: Services = {
      ...server.services,
      threads: {
        ...threads,
        prepare(raw) {
          read += raw.ends.length;
          most = Math.max(most, read - written);
          return threads.prepare(raw);
        },
      },
      metrics: {
        ...metrics,
        imported(more) {
          written += more.conversations;
          metrics.imported(more);
        },
      },
    };
    const reporter = openReporter(services, lease, () => undefined);
    const searches = {
      areSearching: () => needsRoom,
      needsRoom: () => needsRoom,
      listening: Promise.resolve(),
      close() {},
    };
    const indexer = { add: async () => {}, finish: async () => {}, stop: async () => {} };
    const options = { path, maxExpandedBytes: 1e9, progress: { from: 0, to: 1 } };
    await importArchive(
      services,
      lease,
      { reporter, indexer, searches },
      new AbortController().signal,
      options,
    );
    await reporter.close();
    expect(written).toBe(CONVERSATIONS);
    ahead(most);
  },
);
