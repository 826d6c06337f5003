import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noFilter } from './migrate.ts';
import { withSchemaEngine } from './schema-engine.ts';

export const schemaPath = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url));

/**
 * The SQL that would turn the database into what a Prisma schema says; null when nothing is missing. What a Prisma
 * schema cannot say, such as a partial index or a column's storage, is neither seen nor touched.
 */
export async function diffToSchema(databaseUrl: string, path = schemaPath): Promise<string | null> {
  return await diff(databaseUrl, path, 'schemaDatasource');
}

/** The SQL that makes everything in a Prisma schema in an empty database; any database lends its connection. */
export async function createSchemaScript(databaseUrl: string, path = schemaPath): Promise<string | null> {
  return await diff(databaseUrl, path, 'empty');
}

async function diff(databaseUrl: string, path: string, tag: 'schemaDatasource' | 'empty') {
  const files = [{ path, content: await readFile(path, 'utf8') }];
  const result = await withSchemaEngine(databaseUrl, (engine) =>
    engine.diff({
      from: tag === 'empty' ? { tag } : { tag, files, configDir: dirname(path) },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: noFilter,
    }),
  );
  return result.exitCode === 2 ? result.stdout : null;
}
