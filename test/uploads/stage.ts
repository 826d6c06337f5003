import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf, listBelow } from '../support/account.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

export const MAX_BYTES = 200_000;

export interface Stage {
  server: TestServer;
  /** A folder from which the server may read. */
  ingestRoot: string;
  /** One from which it may not. */
  outside: string;
}

/** A server for the tests of a file, which takes archives of `MAX_BYTES` at most. */
export function setStage(): Stage {
  const stage = {} as Stage;
  beforeAll(async () => {
    stage.ingestRoot = await mkdtemp(join(tmpdir(), 'sidecar-ingest-'));
    stage.outside = await mkdtemp(join(tmpdir(), 'sidecar-outside-'));
    stage.server = await startTestServer({
      backend: 'postgres',
      env: { MAX_ARCHIVE_BYTES: String(MAX_BYTES), INGEST_ROOT: stage.ingestRoot },
    });
  });
  afterAll(async () => {
    await stage.server.close();
    for (const path of [stage.ingestRoot, stage.outside]) await rm(path, { recursive: true, force: true });
  });
  return stage;
}

export const conversations = Array.from({ length: 40 }, (_, index) => dialogue(`u${index}`));

/** Files that uploads have left below the data folder. */
export async function leftovers({ server }: Stage): Promise<string[]> {
  const dataDir = dataDirOf(server.services);
  return [...(await listBelow(join(dataDir, 'archives'))), ...(await listBelow(join(dataDir, 'uploads')))];
}

/** That `conversations` came in, and nothing is left of how. */
export async function expectImported(stage: Stage, user: TestUser, taskId: string) {
  expect(await untilOver(user.client, taskId)).toMatchObject({
    trigger: 'UPLOAD',
    status: 'COMPLETED',
    counts: { added: 40, failed: 0 },
  });
  await until('the archive is gone', async () => (await leftovers(stage)).length === 0);
}
