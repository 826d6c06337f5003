/**
 * Shows all of Sidecar in a minute with nothing prepared: a generated export, served on loopback, imported over GraphQL
 * with live progress, and searched. Keeps serving in a terminal; ends with 0 elsewhere, and with 1 when anything failed.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { generateExport, topicOf } from '../../bench/generator/index.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../infra/logger.ts';
import { startServer } from '../server.ts';
import { type Client, createClient } from './client.ts';
import { describeOutcome, followSync, startSync } from './follow-sync.ts';
import { serveFile } from './serve-file.ts';

const EXPORT_BYTES = 20e6;
const SEED = 1;
const say = (line: string) => process.stdout.write(`${line}\n`);

const closers: (() => Promise<void> | void)[] = [];
const close = async () => {
  for (const closer of closers.splice(0).reverse()) await closer();
};
closeWithGrace({ delay: 15_000, logger: false }, close);

try {
  await demo();
  if (process.stdout.isTTY) say('\nSidecar goes on serving; Ctrl-C stops it and removes the demo’s data.');
  else await close();
} catch (error) {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  await close();
  process.exit(1);
}

async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-demo-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  // PostgreSQL runs as a user of its own when root starts it, and has to pass through.
  await chmod(folder, 0o711);

  say('Generating a sample export of about 20 MB …');
  const path = join(folder, 'export.zip');
  const made = await generateExport({ path, targetBytes: EXPORT_BYTES, seed: SEED, sharded: true });
  say(
    `  ${made.conversations} conversations, ${made.messages} messages, a zip of ${megabytes(made.zipBytes)} MB`,
  );
  const file = await serveFile(path);
  closers.push(file.close);

  say('Starting Sidecar with PostgreSQL and worker embedded …');
  const config = loadConfig({
    ...process.env,
    DATA_DIR: join(folder, 'data'),
    EXPORT_ALLOWED_HOSTS: file.host,
    DB_URL: '',
    REDIS_URL: '',
    CHATGPT_SYNC_ENABLED: '',
    CHATGPT_EXPORT_URL: '',
  });
  const server = await startServer(
    {
      ...config,
      http: { ...config.http, host: '127.0.0.1', port: process.stdout.isTTY ? config.http.port : 0 },
    },
    createLogger({ logLevel: 'warn' }, 'demo'),
  );
  closers.push(server.close);
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
    say(`  ${node.conversation.title}\n    … ${snippet} …`);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
