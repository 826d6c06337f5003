/**
 * Imports an export through the running server, or through one that it starts for the purpose:
 * npm run import -- export.zip | https://…
 */
import { createReadStream } from 'node:fs';
import { access, constants, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { type Config, loadConfig } from '../config.ts';
import { apiKeyPath } from '../infra/api-key.ts';
import { createLogger } from '../infra/logger.ts';
import { type Program, runProgram } from '../infra/program.ts';
import { clientUrl } from '../server-url.ts';
import { createClient } from './client.ts';
import { describeOutcome, followSync, startSync } from './follow-sync.ts';

const [source, ...rest] = process.argv.slice(2);
if (!source || rest.length > 0) {
  process.stderr.write('Usage: npm run import -- export.zip | https://…\n');
  process.exit(2);
}
await runProgram((program) => importFrom(program, source));

/** 0 when all of it is in, 1 otherwise. */
async function importFrom(program: Program, source: string): Promise<number> {
  const config = loadConfig(process.env);
  const isUrl = /^https?:\/\//i.test(source);
  if (!isUrl) await requireFile(source);
  const { url, apiKey } = (await findServer(config)) ?? (await startOwnServer(program, config));
  const client = createClient(url, apiKey);
  const taskId = isUrl ? await startSync(client, source) : await upload(url, apiKey, source);
  const task = await followSync(client, taskId, process.stderr);
  process.stdout.write(describeOutcome(task));
  return task.status === 'COMPLETED' ? 0 : 1;
}

/** Throws for what cannot be read or is a folder, before a server is started for it. */
async function requireFile(path: string): Promise<void> {
  await access(path, constants.R_OK);
  if (!(await stat(path)).isDirectory()) return;
  throw new Error(`${path} is a folder: name the zip, or have the server read the folder (INGEST_ROOT).`);
}

/** The server that runs where the configuration says. Null when there is none; throws when it is not to be entered. */
async function findServer(config: Config): Promise<{ url: string; apiKey: string } | null> {
  const url = clientUrl(config.http.host, config.http.port);
  // Another program may have the port, and answer anything: it shall get neither the key nor the export.
  const runs = await fetch(`${url}/healthz`)
    .then((response) => response.json() as Promise<{ ok?: unknown } | null>)
    .then(
      (answer) => answer?.ok === true,
      () => false,
    );
  if (!runs) return null;
  const stored = () => readFile(apiKeyPath(config.dataDir), 'utf8').catch(() => '');
  const apiKey = config.apiKey ?? (await stored()).trim();
  const { status } = await fetch(`${url}/sync/config`, { headers: { 'x-api-key': apiKey } });
  if (status === 401) {
    throw new Error(`The server at ${url} has another API key: set API_KEY or DATA_DIR to the server's.`);
  }
  return { url, apiKey };
}

async function startOwnServer(program: Program, config: Config) {
  // Loaded only now: it takes most of a start, and an import through a server that runs needs nothing of it.
  const { startServer } = await import('../server.ts');
  const logger = createLogger({ logLevel: 'warn' }, 'import');
  const own: Config = {
    ...config,
    http: { ...config.http, host: '127.0.0.1', port: 0 },
    // Its worker needs a session, and a worker that runs may have the port of metrics.
    databaseUrl: config.directUrl,
    metrics: null,
  };
  return program.own(
    () => startServer(own, logger, { isAlone: true }),
    (server) => server.close(),
  );
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
