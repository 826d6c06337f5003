import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate, migrationsDirectory, readMigrations } from '../src/infra/migrate.ts';
import { diffToSchema, schemaPath } from '../src/infra/schema-diff.ts';
import {
  createEmptyDatabase,
  createTestDatabase,
  query,
  quietLogger,
  type TestDatabase,
} from './support/postgres.ts';

let database: TestDatabase;
let directory: string;

beforeAll(async () => {
  database = await createEmptyDatabase();
  directory = await mkdtemp(join(tmpdir(), 'sidecar-migrations-'));
});

afterAll(async () => {
  await database?.drop();
  await rm(directory, { recursive: true, force: true });
});

describe('The migrations of an empty database', () => {
  let applied: string[][];
  beforeAll(async () => {
    applied = await Promise.all([migrate(database.url, quietLogger), migrate(database.url, quietLogger)]);
  });

  test('are applied once when two processes start at the same time', async () => {
    const { migrationDirectories } = await readMigrations(migrationsDirectory);
    expect(applied.flat()).toEqual(migrationDirectories.map(({ path }) => path));
    const rows = await query(database.url, 'SELECT migration_name FROM _prisma_migrations ORDER BY 1');
    expect(rows.map((row) => row.migration_name)).toEqual(applied.flat());
  });

  test('change nothing when they run again', async () => {
    const before = await catalog(database.url);
    expect(await migrate(database.url, quietLogger)).toEqual([]);
    expect(await catalog(database.url)).toEqual(before);
  });

  test('make exactly what the Prisma schema says', async () => {
    expect(await diffToSchema(database.url)).toBeNull();
  });

  test('would be found wanting if the schema had a column or an index more', async () => {
    const schema = await readFile(schemaPath, 'utf8');
    const larger = join(directory, 'larger.prisma');
    await writeFile(larger, schema.replace(/model User \{/, 'model User {\n  nickname String?\n'));
    expect(await diffToSchema(database.url, larger)).toContain('ADD COLUMN     "nickname" TEXT');
    await writeFile(larger, schema.replace(/model User \{/, 'model User {\n  @@index([createdAt])\n'));
    expect(await diffToSchema(database.url, larger)).toContain('CREATE INDEX "users_created_at_idx"');
  });

  test('index conversations in the order in which they are listed', async () => {
    const [index] = await query(
      database.url,
      `SELECT indexdef FROM pg_indexes WHERE indexname = 'conversations_user_id_updated_at_id_idx'`,
    );
    expect(index?.indexdef).toContain('(user_id, updated_at DESC NULLS LAST, id DESC)');
  });

  test('allow one unfinished task per user and any number of finished ones', async () => {
    const user = '00000000-0000-7000-8000-000000000001';
    const insert = (id: number, status: string) =>
      query(
        database.url,
        `INSERT INTO sync_tasks (user_id, id, trigger, status, source)
         VALUES ('${user}', '00000000-0000-7000-8000-00000000010${id}', 'MANUAL', '${status}', 'x.zip')`,
      );
    await query(database.url, `INSERT INTO users (id) VALUES ('${user}')`);
    await insert(1, 'COMPLETED');
    await insert(2, 'FAILED');
    await insert(3, 'RUNNING');
    await expect(insert(4, 'QUEUED')).rejects.toThrow('sync_tasks_one_active');
  });

  test('index the search by user and by term, and leave deflated bytes as they are', async () => {
    const [index] = await query(
      database.url,
      `SELECT indexdef FROM pg_indexes WHERE indexname = 'message_search_terms'`,
    );
    expect(index?.indexdef).toContain('USING gin (user_id, terms)');
    const [column] = await query(
      database.url,
      `SELECT attstorage FROM pg_attribute
       WHERE attrelid = 'conversation_versions'::regclass AND attname = 'raw'`,
    );
    expect(column?.attstorage).toBe('e');
  });

  test('each run in one transaction', async () => {
    const { migrationDirectories } = await readMigrations(migrationsDirectory);
    for (const { migrationFile } of migrationDirectories) {
      expect(migrationFile.content.value).toMatch(/^BEGIN;.*COMMIT;\s*$/s);
    }
  });
});

test('A migration that fails leaves nothing behind, is named at the next start, and can be run again', async () => {
  const failing = join(directory, 'failing');
  const name = '29990101000000_broken';
  await cp(migrationsDirectory, failing, { recursive: true });
  await mkdir(join(failing, name));
  const file = join(failing, name, 'migration.sql');
  await writeFile(file, 'BEGIN;\nCREATE TABLE half_made (id int);\nSELECT 1 / 0;\nCOMMIT;\n');
  const target = await createEmptyDatabase();
  try {
    await expect(migrate(target.url, quietLogger, { directory: failing })).rejects.toThrow(
      'division by zero',
    );
    expect(await query(target.url, `SELECT to_regclass('half_made') AS found`)).toEqual([{ found: null }]);
    await expect(migrate(target.url, quietLogger, { directory: failing })).rejects.toThrow(
      `npm run migrate -- --retry ${name}`,
    );
    await writeFile(file, 'BEGIN;\nCREATE TABLE half_made (id int);\nCOMMIT;\n');
    expect(await migrate(target.url, quietLogger, { directory: failing, retry: name })).toEqual([name]);
  } finally {
    await target.drop();
  }
});

test('A version that starts on the database of a newer one comes up, and changes nothing', async () => {
  const newer = join(directory, 'newer');
  const name = '29990101000000_newer';
  await cp(migrationsDirectory, newer, { recursive: true });
  await mkdir(join(newer, name));
  await writeFile(join(newer, name, 'migration.sql'), 'BEGIN;\nCREATE TABLE newer (id int);\nCOMMIT;\n');
  const target = await createTestDatabase();
  try {
    expect(await migrate(target.url, quietLogger, { directory: newer })).toEqual([name]);
    const before = await catalog(target.url);
    expect(await migrate(target.url, quietLogger)).toEqual([]);
    expect(await catalog(target.url)).toEqual(before);
  } finally {
    await target.drop();
  }
});

/** What code of the version before could not bear, or would wait for too long. */
const unsafe = {
  'a table or column goes': /\bDROP\s+(TABLE|COLUMN|TYPE|SCHEMA|VIEW)\b/i,
  'a name changes': /\bRENAME\b/i,
  'a column changes its type': /\bALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE\b/i,
  'a default goes': /\bDROP\s+DEFAULT\b/i,
  'a column becomes required': /\bSET\s+NOT\s+NULL\b/i,
  'a new column is required and has no default': /\bADD\s+COLUMN\b(?![^,;]*\bDEFAULT\b)[^,;]*\bNOT\s+NULL\b/i,
};

/** How a migration would break the version before; empty when it breaks nothing, or says that nothing uses it. */
function dangersOf(sql: string): string[] {
  if (/^-- Unused since \d+\.\d+\.\d+/m.test(sql)) return [];
  const statements = sql.replace(/--.*$/gm, '');
  return Object.entries(unsafe).flatMap(([danger, pattern]) => (pattern.test(statements) ? [danger] : []));
}

test('No migration breaks the version before it, which runs on beside the new one for a while', async () => {
  const { migrationDirectories } = await readMigrations(migrationsDirectory);
  for (const { path, migrationFile } of migrationDirectories) {
    expect(dangersOf(migrationFile.content.value), path).toEqual([]);
  }
  const added = 'ALTER TABLE "users" ADD COLUMN "age" INTEGER NOT NULL';
  for (const [sql, dangers] of [
    ['DROP TABLE "users";', ['a table or column goes']],
    ['ALTER TABLE "users"\nDROP COLUMN "email";', ['a table or column goes']],
    ['ALTER TABLE "users" RENAME COLUMN "email" TO "mail";', ['a name changes']],
    ['ALTER TABLE "users" ALTER COLUMN "id" SET DATA TYPE TEXT;', ['a column changes its type']],
    ['ALTER TABLE "users" ALTER COLUMN "email" SET NOT NULL;', ['a column becomes required']],
    [`${added};`, ['a new column is required and has no default']],
    [`${added} DEFAULT 0, ADD COLUMN "x" TEXT;`, []],
    ['-- Unused since 1.2.0\nDROP TABLE "users";', []],
    ['-- DROP TABLE "users";\nDROP INDEX "users_email";', []],
  ] as const) {
    expect(dangersOf(sql), sql).toEqual(dangers);
  }
});

/** Every column, index and constraint, as text. */
async function catalog(url: string): Promise<Record<string, unknown>[]> {
  return await query(
    url,
    `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS item
       FROM information_schema.columns WHERE table_schema = 'public'
     UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
     UNION ALL SELECT 'migration ' || id FROM _prisma_migrations
     ORDER BY 1`,
  );
}
