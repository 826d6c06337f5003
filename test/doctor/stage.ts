import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { migrate } from '../../src/infra/migrate.ts';
import { query, quietLogger } from '../support/postgres.ts';
import { runScript } from '../support/programs.ts';

/** The database of which those of the tests are copies. */
const MIGRATED = 'doctor_migrated';

/**
 * What the doctor looks at in the tests of a file: a data directory, and a PostgreSQL of the file's own, for the run's would be
 * found fault with, because it does without fsync.
 */
export function setDoctorStage() {
  let dataDir: string;
  let postgres: EmbeddedPostgres;
  let postgresDirectory: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sidecar-doctor-'));
    postgresDirectory = await mkdtemp(join(tmpdir(), 'sidecar-doctor-'));
    postgres = await openEmbeddedPostgres({ directory: postgresDirectory, logger: quietLogger });
    await query(postgres.url, `CREATE DATABASE ${MIGRATED} TEMPLATE template0`);
    await migrate(urlOf(MIGRATED), quietLogger);
  });
  afterAll(async () => {
    await postgres?.close();
    for (const directory of [dataDir, postgresDirectory])
      await rm(directory, { recursive: true, force: true });
  });

  function urlOf(database: string): string {
    const url = new URL(postgres.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  async function createDatabase(template: string): Promise<string> {
    const name = `doctor_${randomBytes(6).toString('hex')}`;
    await query(postgres.url, `CREATE DATABASE ${name} TEMPLATE ${template}`);
    return urlOf(name);
  }

  return {
    dataDir: () => dataDir,
    emptyDatabase: () => createDatabase('template0'),
    migratedDatabase: () => createDatabase(MIGRATED),
    /** What the doctor says, line by line, and whether it is content. */
    async examine(
      env: Record<string, string>,
    ): Promise<{ code: number | null; lines: string[]; mends: string[] }> {
      const program = await runScript('doctor', [], { DATA_DIR: dataDir, ...env });
      const code = await program.exited;
      expect(program.stderr()).toBe('');
      const lines = program.stdout().trim().split('\n');
      return { code, lines, mends: lines.filter((line) => line.startsWith('MEND')) };
    },
  };
}
