/**
 * Writes src/generated: Prisma's client, Pothos's types, and the types of what the pages ask.
 *
 * `prisma generate` works without the network: generating needs no engine, yet the CLI wants to download one, unless it is
 * told of an executable. Told here alone, for with a stand-in `prisma migrate deploy` would claim success.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { generateOperations } from './generate-operations.ts';

const require = createRequire(import.meta.url);
const manifest = require.resolve('prisma/package.json');
const { bin } = require(manifest) as { bin: { prisma: string } };

const child = spawn(process.execPath, [join(dirname(manifest), bin.prisma), 'generate'], {
  cwd: join(import.meta.dirname, '../..'),
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: 'true' },
  stdio: 'inherit',
});
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});

await generateOperations();
