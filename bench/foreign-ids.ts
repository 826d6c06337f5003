import { v7 as uuidv7 } from 'uuid';
import { createApiKey } from '../src/domain/api-key.ts';
import { encodeId } from '../src/domain/global-id.ts';
import { startHttpProcess } from './api/process.ts';
import { exportOf } from './import/exports.ts';
import { runImport } from './import/run-import.ts';
import { type BenchOptions, openStage, type Stage } from './import/stage.ts';
import { median, printTable } from './table.ts';

const EXPORT_MB = 5;
/** Requests of each kind before any counts, for both compile as they go. */
const WARM_UP = 200;
const REQUESTS = 1_000;

interface Question {
  name: string;
  /** A foreign id, and one that was never given; both of the same form. */
  foreign: string[];
  unknown(): string;
  ask(url: string, id: string): [string, RequestInit];
}

/**
 * Prints how long answers about somebody else's things take beside answers about things that do not exist: whether the
 * time tells what the words do not.
 */
export async function benchForeignIds(options: BenchOptions): Promise<void> {
  const stage = await openStage(options);
  try {
    const [asker, other] = [await stage.addUser(), await stage.addUser()];
    const worker = await stage.startWorker();
    await runImport(stage, other, await exportOf(options.mb[0] ?? EXPORT_MB));
    await worker.stop();
    const { key } = await createApiKey(stage.services, asker, { name: 'bench', scopes: ['read', 'write'] });
    const api = await startHttpProcess('server.ts', { ...stage.env, PORT: '0' }, options.profileFolder);
    try {
      const rows: string[][] = [];
      for (const question of await questionsAbout(stage, other.userId)) {
        rows.push(await compare(question, api.url, key));
      }
      printTable(['question', 'foreign ms', 'unknown ms', 'ratio', 'told apart (0.5: never)'], rows);
    } finally {
      await api.stop();
    }
  } finally {
    await stage.close();
  }
}

async function questionsAbout({ services }: Stage, userId: string): Promise<Question[]> {
  const tasks = await services.prisma.syncTask.findMany({ where: { userId } });
  const conversations = await services.prisma.conversation.findMany({ where: { userId }, take: 50 });
  const assets = await services.prisma.asset.findMany({
    where: { userId, sha256: { not: null } },
    take: 50,
  });
  const messages = await services.prisma.message.findMany({ where: { userId }, take: 50 });
  const get =
    (path: (id: string) => string): Question['ask'] =>
    (url, id) => [`${url}${path(id)}`, {}];
  const query =
    (text: string): Question['ask'] =>
    (url, id) => [
      `${url}/graphql`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text, variables: { id } }),
      },
    ];
  const taskIds = {
    foreign: tasks.map(({ id }) => encodeId('SyncTask', id)),
    unknown: () => encodeId('SyncTask', uuidv7()),
  };
  const conversationIds = {
    foreign: conversations.map(({ id }) => encodeId('Conversation', id)),
    unknown: () => encodeId('Conversation', uuidv7()),
  };
  const nodeQuery = query('query Node($id: ID!) { node(id: $id) { id __typename } }');
  return [
    {
      ...taskIds,
      name: 'syncStatus',
      ask: query('query Status($id: ID!) { syncStatus(taskId: $id) { id status } }'),
    },
    { ...taskIds, name: 'GET /sync/status/:taskId', ask: get((id) => `/sync/status/${id}`) },
    { ...conversationIds, name: 'node: conversation', ask: nodeQuery },
    { ...conversationIds, name: 'GET /document/:id', ask: get((id) => `/document/${id}`) },
    {
      ...conversationIds,
      name: 'GET /conversations/:id/export',
      ask: get((id) => `/conversations/${id}/export?format=json`),
    },
    {
      name: 'node: message',
      foreign: messages.map(({ conversationId, nodeId }) =>
        encodeId('Message', `${conversationId}/${nodeId}`),
      ),
      unknown: () => encodeId('Message', `${uuidv7()}/${messages[0]?.nodeId}`),
      ask: nodeQuery,
    },
    {
      name: 'GET /assets/:id',
      foreign: assets.map(({ id }) => encodeId('Asset', id)),
      unknown: () => encodeId('Asset', uuidv7()),
      ask: get((id) => `/assets/${id}`),
    },
  ];
}

async function compare(question: Question, url: string, key: string): Promise<string[]> {
  const [foreign, unknown]: [number[], number[]] = [[], []];
  const texts = new Set<string>();
  for (let count = 0; count < WARM_UP + REQUESTS; count += 1) {
    const known = question.foreign[count % question.foreign.length];
    if (known === undefined) throw new Error(`${question.name}: there is nothing foreign to ask for`);
    // In turns that begin with either, so that what changes over time falls on both.
    const pair: [number[], string][] = [
      [foreign, known],
      [unknown, question.unknown()],
    ];
    for (const [times, id] of count % 2 === 0 ? pair : pair.reverse()) {
      const [address, init] = question.ask(url, id);
      const start = performance.now();
      const response = await fetch(address, { ...init, headers: { ...init.headers, 'x-api-key': key } });
      texts.add(`${response.status} ${await response.text()}`);
      if (count >= WARM_UP) times.push(performance.now() - start);
    }
  }
  if (texts.size !== 1) throw new Error(`${question.name} answers in more than one way: ${[...texts]}`);
  const [foreignMs, unknownMs] = [median(foreign), median(unknown)];
  return [
    question.name,
    foreignMs.toFixed(3),
    unknownMs.toFixed(3),
    (foreignMs / unknownMs).toFixed(3),
    shareAbove(foreign, unknown).toFixed(3),
  ];
}

/**
 * How often one of `these` is larger than one of `those`: the common language effect size of Mann and Whitney's U, by
 * which 0.5 says that nobody could tell them apart, and 0 or 1 that everybody could.
 */
function shareAbove(these: number[], those: number[]): number {
  const sorted = those.toSorted((a, b) => a - b);
  let below = 0;
  for (const value of these) {
    const position = sorted.findIndex((other) => other >= value);
    below += position === -1 ? sorted.length : position;
  }
  return below / (these.length * those.length);
}
