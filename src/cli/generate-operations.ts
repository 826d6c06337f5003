/**
 * Types for the operations of the pages: reads every .graphql file in src/web against schema.graphql and writes
 * src/generated/web/operations.ts, in which each operation is a string that knows its variables and its answer.
 */
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as typedDocumentNode from '@graphql-codegen/typed-document-node';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const root = join(import.meta.dirname, '../..');

/** Throws when an operation asks for what the schema does not have. */
export async function generateOperations(): Promise<void> {
  const documents = [];
  for await (const location of glob('src/web/**/*.graphql', { cwd: root })) {
    documents.push({ location, document: parse(await readFile(join(root, location), 'utf8')) });
  }
  const filename = join(root, 'src/generated/web/operations.ts');
  const content = await codegen({
    filename,
    schema: parse(await readFile(join(root, 'schema.graphql'), 'utf8')),
    documents,
    config: {
      documentMode: 'string',
      useTypeImports: true,
      enumsAsTypes: true,
      skipTypename: true,
      onlyOperationTypes: true,
      defaultScalarType: 'unknown',
      scalars: { DateTime: 'string', ID: 'string' },
    },
    plugins: [{ operations: {} }, { documents: {} }],
    pluginMap: { operations: typescriptOperations, documents: typedDocumentNode },
  });
  await mkdir(dirname(filename), { recursive: true });
  await writeFile(filename, content);
}
