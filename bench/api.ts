import autocannon from 'autocannon';
import { createApiKey } from '../src/domain/api-key.ts';
import { encodeId } from '../src/domain/global-id.ts';
import { type HttpProcess, startHttpProcess } from './api/process.ts';
import { exportOf } from './import/exports.ts';
import { runImport } from './import/run-import.ts';
import { type BenchOptions, openStage } from './import/stage.ts';
import { median, printTable } from './table.ts';

const EXPORT_MB = 20;
const CONNECTIONS = 16;
const SECONDS = 5;
const GOAL = 0.5;

const CONVERSATIONS = `query Recent {
  conversations(first: 20) { edges { node {
    id title updatedAt messageCount
    messages(first: 20) { edges { node { id role kind text createdAt } } }
  } } }
}`;

const STATUS = `query Status($taskId: ID!) {
  syncStatus(taskId: $taskId) {
    id status phase seq
    progress { fraction bytesDone bytesTotal conversationsDone conversationsTotal }
    counts { added updated unchanged skipped failed messagesAdded assetsAdded }
  }
}`;

interface Target {
  process: HttpProcess;
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
}

interface Measure {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Of the process that answers, for one request: says more than the speed on a machine that others use, too. */
  cpuMs: number;
}

/** Prints how the API does with authentication and all limits on, against express and pg by hand, turn by turn. */
export async function benchApi(options: BenchOptions): Promise<void> {
  const file = await exportOf(options.mb[0] ?? EXPORT_MB);
  const stage = await openStage(options);
  try {
    const viewer = await stage.addUser();
    const worker = await stage.startWorker();
    const { task } = await runImport(stage, viewer, file);
    await worker.stop();
    const { key } = await createApiKey(stage.services, viewer, { name: 'bench', scopes: ['read'] });
    const taskId = encodeId('SyncTask', task.id);

    const env = { ...stage.env, PORT: '0', RATE_LIMIT_FACTOR: '1' };
    const api = await startHttpProcess('server.ts', env, options.profileFolder);
    const bare = await startHttpProcess(
      'bare.ts',
      { DB_URL: stage.databaseUrl, USER_ID: viewer.userId, TASK_ID: task.id },
      null,
    );
    try {
      const headers = { 'x-api-key': key };
      const get = (process: HttpProcess, path: string): Target => ({
        process,
        url: `${process.url}${path}`,
        method: 'GET',
        headers,
      });
      const ask = (query: string, variables: object): Target => ({
        process: api,
        url: `${api.url}/graphql`,
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      const cases: [string, Target, Target][] = [
        ['conversations(first: 20) with messages', ask(CONVERSATIONS, {}), get(bare, '/conversations')],
        ['syncStatus', ask(STATUS, { taskId }), get(bare, '/task')],
        ['GET /sync/status', get(api, `/sync/status/${taskId}`), get(bare, '/status')],
      ];
      const rows: string[][] = [];
      for (const [name, ours, theirs] of cases) {
        rows.push(...(await compare(name, ours, theirs, options.runs)));
      }
      printTable(
        ['request', 'bytes', 'requests/s', 'p50 ms', 'p99 ms', 'CPU ms', 'of bare', `>= ${GOAL}`],
        rows,
      );
    } finally {
      await api.stop();
      await bare.stop();
    }
  } finally {
    await stage.close();
  }
}

async function compare(name: string, ours: Target, theirs: Target, runs: number): Promise<string[][]> {
  const [text, bareText] = [await bodyOf(ours), await bodyOf(theirs)];
  if (text !== bareText)
    throw new Error(`${name} differs:\n${text.slice(0, 500)}\n${bareText.slice(0, 500)}`);
  // Once before it counts, for both compile as they go.
  for (const target of [ours, theirs]) await fire(target, 2);
  const [measured, bare]: [Measure[], Measure[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    bare.push(await fire(theirs, SECONDS));
    measured.push(await fire(ours, SECONDS));
  }
  const of = (all: Measure[], pick: (each: Measure) => number) => median(all.map(pick));
  const ratio = median(measured.map((each, run) => each.perSecond / (bare[run]?.perSecond ?? Number.NaN)));
  const line = (what: string, all: Measure[], ...rest: string[]) => [
    what,
    String(Buffer.byteLength(text)),
    of(all, (each) => each.perSecond).toFixed(0),
    of(all, (each) => each.p50Ms).toFixed(0),
    of(all, (each) => each.p99Ms).toFixed(0),
    of(all, (each) => each.cpuMs).toFixed(2),
    ...rest,
  ];
  return [
    line(`${name}, bare`, bare),
    line(name, measured, ratio.toFixed(2), ratio >= GOAL ? 'met' : 'not met'),
  ];
}

async function bodyOf({ process: _process, url, ...request }: Target): Promise<string> {
  const response = await fetch(url, request);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text;
}

async function fire({ process, ...target }: Target, seconds: number): Promise<Measure> {
  const before = await process.cpuSeconds();
  const result = await autocannon({ ...target, connections: CONNECTIONS, duration: seconds });
  if (result.errors + result.timeouts + result.non2xx > 0) {
    throw new Error(
      `${target.url}: ${result.errors} errors, ${result.timeouts} timeouts, ${result.non2xx} refused`,
    );
  }
  const cpuMs = ((await process.cpuSeconds()) - before) * 1_000;
  return {
    perSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuMs: cpuMs / result.requests.total,
  };
}
