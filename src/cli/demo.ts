/**
 * Shows all of Sidecar in a minute with nothing prepared: a generated export, served on loopback, imported over GraphQL
 * with live progress, and searched. Keeps serving in a terminal; ends with 0 elsewhere, and with 1 when anything failed.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateExport, topicOf } from '../../bench/generator/index.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../infra/logger.ts';
import { type Program, reasonOf, runProgram } from '../infra/program.ts';
import { startServer } from '../server.ts';
import { type Client, createClient } from './client.ts';
import { describeOutcome, followSync, startSync } from './follow-sync.ts';
import { serveFile } from './serve-file.ts';

const EXPORT_BYTES = 20e6;
const SEED = 1;
/** What of a server's own environment the demo must not touch, show or wait for. */
const NOT_ITS_OWN = [
  'ENVIRONMENT',
  'API_KEY',
  'DB_URL',
  'DB_DIRECT_URL',
  'DB_REPLICA_URLS',
  'REDIS_URL',
  'S3_BUCKET',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'INGEST_ROOT',
  'WATCH_DIR',
  'CHATGPT_SYNC_ENABLED',
  'CHATGPT_EXPORT_URL',
  'METRICS_PORT',
];
const say = (line: string) => process.stdout.write(`${line}\n`);

await runProgram(demo, (error) => `The demo failed: ${reasonOf(error)}`);

async function demo(program: Program): Promise<number | null> {
  const folder = await program.own(
    () => mkdtemp(join(tmpdir(), 'sidecar-demo-')),
    (made) => rm(made, { recursive: true, force: true }),
  );
  // PostgreSQL runs as a user of its own when root starts it, and has to pass through.
  await chmod(folder, 0o711);

  say('Generating a sample export of about 20 MB …');
  const path = join(folder, 'export.zip');
  const made = await generateExport({ path, targetBytes: EXPORT_BYTES, seed: SEED, sharded: true });
  say(
    `  ${made.conversations} conversations, ${made.messages} messages, a zip of ${megabytes(made.zipBytes)} MB`,
  );
  const file = await program.own(
    () => serveFile(path),
    (served) => served.close(),
  );

  say('Starting Sidecar with PostgreSQL and worker embedded …');
  const config = loadConfig({
    ...process.env,
    ...Object.fromEntries(NOT_ITS_OWN.map((name) => [name, ''])),
    DATA_DIR: join(folder, 'data'),
    EXPORT_ALLOWED_HOSTS: file.host,
  });
  const http = { ...config.http, host: '127.0.0.1', port: process.stdout.isTTY ? config.http.port : 0 };
  const server = await program.own(
    () => startServer({ ...config, http }, createLogger({ logLevel: 'warn' }, 'demo')),
    (started) => started.close(),
  );
  const client = createClient(server.url, server.apiKey);

  say('Importing it over GraphQL; the bar is fed by a subscription …');
  const task = await followSync(client, await startSync(client, file.url), process.stdout);
  say(`  ${describeOutcome(task).trimEnd()}`);
  if (task.status !== 'COMPLETED' || task.counts.added !== made.conversations) {
    throw new Error(`of ${made.conversations} conversations ${task.counts.added} arrived`);
  }
  await showHits(client);
  say(`\nGraphiQL   ${server.url}/graphql   (put the key into its Headers tab)`);
  say(`API key    ${server.apiKey}`);
  if (!process.stdout.isTTY) return 0;
  say('\nSidecar goes on serving; Ctrl-C stops it and removes the demo’s data.');
  return null;
}

async function showHits(client: Client): Promise<void> {
  const query = Array.from({ length: 3 }, (_, index) => `"${topicOf(SEED, index).answer}"`).join(' OR ');
  const { search } = await client.request<{
    search: { edges: { node: { snippet: string; conversation: { title: string } } }[] };
  }>(
    'query Find($query: String!) { search(query: $query, first: 3) { edges { node { snippet conversation { title } } } } }',
    { query },
  );
  if (search.edges.length < 3) throw new Error(`the search for "${query}" found too little`);
  say(`\nSearching for: ${query}`);
  for (const { node } of search.edges) {
    const snippet = node.snippet.replaceAll(/\s+/g, ' ').replaceAll(/<\/?mark>/g, '*');
    say(`  ${node.conversation.title}\n    ${snippet}`);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
