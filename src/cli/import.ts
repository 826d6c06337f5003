/**
 * Imports an export through the running server, or through one that it starts for the purpose:
 * npm run import -- export.zip | https://…
 */
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { type Config, loadConfig } from '../config.ts';
import { readOrMakeApiKey } from '../infra/api-key.ts';
import { createLogger } from '../infra/logger.ts';
import { startServer } from '../server.ts';
import { createClient } from './client.ts';
import { describeOutcome, followSync, startSync } from './follow-sync.ts';

const [source, ...rest] = process.argv.slice(2);
if (!source || rest.length > 0) {
  process.stderr.write('Usage: npm run import -- export.zip | https://…\n');
  process.exit(2);
}
try {
  process.exitCode = await importFrom(source);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** 0 when all of it is in, 1 otherwise. */
async function importFrom(source: string): Promise<number> {
  const config = loadConfig(process.env);
  const isUrl = /^https?:\/\//i.test(source);
  if (!isUrl) await access(source);
  const { url, apiKey, close } = await findServer(config);
  try {
    const client = createClient(url, apiKey);
    const taskId = isUrl ? await startSync(client, source) : await upload(url, apiKey, source);
    const task = await followSync(client, taskId, process.stderr);
    process.stdout.write(describeOutcome(task));
    return task.status === 'COMPLETED' ? 0 : 1;
  } finally {
    await close();
  }
}

async function findServer(config: Config): Promise<{ url: string; apiKey: string; close(): Promise<void> }> {
  const url = `http://${config.http.host === '0.0.0.0' ? '127.0.0.1' : config.http.host}:${config.http.port}`;
  const runs = await fetch(`${url}/healthz`).then(
    (response) => response.ok,
    () => false,
  );
  if (runs) {
    const apiKey = config.apiKey ?? (await readOrMakeApiKey(config.dataDir)).apiKey;
    return { url, apiKey, close: async () => undefined };
  }
  const logger = createLogger({ logLevel: 'warn' }, 'import');
  return startServer({ ...config, http: { ...config.http, host: '127.0.0.1', port: 0 } }, logger);
}

async function upload(url: string, apiKey: string, path: string): Promise<string> {
  const response = await fetch(`${url}/sync/upload?file_name=${encodeURIComponent(basename(path))}`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/zip' },
    body: Readable.toWeb(createReadStream(path)) as ReadableStream,
    duplex: 'half',
  } as RequestInit);
  const answer = (await response.json()) as { task_id?: string; detail?: unknown };
  if (!response.ok || !answer.task_id) throw new Error(String(answer.detail ?? response.statusText));
  return answer.task_id;
}
