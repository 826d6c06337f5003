import { search } from '../src/domain/search.ts';
import type { Database, Services } from '../src/domain/services.ts';
import type { Viewer } from '../src/domain/viewer.ts';
import { type BenchOptions, openStage, type Stage } from './import/stage.ts';
import { fillArchive, settle } from './search/archive.ts';
import { measureDuringImport, type Searcher } from './search/during-import.ts';
import { pickTerms, type Terms } from './search/terms.ts';
import { megabytes, printTable, quantile } from './table.ts';

/** A million messages; the largest user holds a fifth, and the smallest 1000. */
const DEFAULT_MB = 2_000;
const CONVERSATIONS_PER_MB = 36.5;
const USERS = 200;
const SMALL_CONVERSATIONS = 71;
const LARGE_SHARE = 0.2;
/** Searches of each shape, so that a percentile is more than the slowest of a few. */
const SEARCHES = 40;

interface Shape {
  name: string;
  queries(terms: Terms): string[];
  /** Milliseconds at p95 for the largest user. */
  goalMs: number;
}

const pairs = (words: string[]) => words.slice(1).map((word, index) => `${words[index]} ${word}`);

const shapes: Shape[] = [
  { name: 'rare word', queries: ({ rare }) => rare, goalMs: 30 },
  { name: 'middling word', queries: ({ middle }) => middle, goalMs: 100 },
  { name: 'common word', queries: ({ common }) => common, goalMs: 100 },
  { name: 'two common words', queries: ({ common }) => pairs(common), goalMs: 250 },
  { name: 'phrase of two', queries: ({ common }) => pairs(common).map((pair) => `"${pair}"`), goalMs: 250 },
  {
    name: 'common, one excluded',
    queries: ({ common, middle }) => [`${common[0]} -${middle[0]}`],
    goalMs: 250,
  },
  { name: 'either of two', queries: ({ common }) => [common.slice(0, 2).join(' OR ')], goalMs: 250 },
];

/** What the database was asked last, and for how long in all it was being asked something. */
interface Watch {
  services: Services;
  last: { text: string; values: unknown[] };
  sqlMs: number;
}

function watch(services: Services): Watch {
  const seen: Watch = { services, last: { text: '', values: [] }, sqlMs: 0 };
  let asking = 0;
  let since = 0;
  const database: Database = {
    ...services.database,
    async query<Row extends object>(text: string, values: unknown[] = [], name?: string) {
      // Statements that run at once count once.
      if (asking === 0) since = performance.now();
      asking += 1;
      const rows = await services.database.query<Row>(text, values, name);
      asking -= 1;
      if (asking === 0) seen.sqlMs += performance.now() - since;
      if (text.includes('candidates')) seen.last = { text, values };
      return rows;
    },
  };
  seen.services = { ...services, database };
  return seen;
}

/**
 * Prints how long the first 20 hits with snippets take, alone and while an import runs, the plan of each shape of query, and
 * the size of the index.
 */
export async function benchSearch(options: BenchOptions): Promise<void> {
  const conversations = Math.round((options.mb[0] ?? DEFAULT_MB) * CONVERSATIONS_PER_MB);
  const stage = await openStage(options);
  try {
    const { large, small } = await fill(stage, conversations);
    const rows: string[][] = [];
    const plans: string[] = [];
    const searchers: Searcher[] = [];
    for (const [name, viewer] of [
      ['large', large],
      ['small', small],
    ] as const) {
      const terms = await pickTerms(stage.services, viewer.userId);
      for (const shape of shapes) {
        const { row, plan } = await measure(stage.services, viewer, name, shape, terms);
        rows.push(row);
        plans.push(plan);
      }
      searchers.push({ name, viewer, queries: shapes.flatMap((shape) => shape.queries(terms)) });
    }
    printTable(['user, query', 'queries', 'hits', 'p50 ms', 'p95 ms', 'goal', 'SQL / whole'], rows);
    await printSizes(stage);
    printTable(
      ['while an import runs', 'searches', 'p50 idle', 'during', 'p95 idle', 'during', 'ratio', 'goal <= 2'],
      await measureDuringImport(stage, searchers, options.runs),
    );
    process.stdout.write(`${plans.join('\n\n')}\n`);
  } finally {
    await stage.close();
  }
}

async function fill(stage: Stage, conversations: number): Promise<{ large: Viewer; small: Viewer }> {
  const large = await stage.addUser();
  const small = await stage.addUser();
  const largeEnd = Math.round(conversations * LARGE_SHARE);
  await fillArchive(stage.services, large.userId, 0, largeEnd);
  await fillArchive(stage.services, small.userId, largeEnd, largeEnd + SMALL_CONVERSATIONS);
  const rest = conversations - largeEnd - SMALL_CONVERSATIONS;
  const each = Math.ceil(rest / (USERS - 2));
  for (let start = conversations - rest; start < conversations; start += each) {
    const { userId } = await stage.addUser();
    await fillArchive(stage.services, userId, start, Math.min(start + each, conversations));
  }
  await settle(stage.services);
  return { large, small };
}

async function measure(
  services: Services,
  viewer: Viewer,
  user: string,
  shape: Shape,
  terms: Terms,
): Promise<{ row: string[]; plan: string }> {
  const watched = watch(services);
  const queries = shape.queries(terms);
  const rounds = Math.ceil(SEARCHES / Math.max(1, queries.length));
  const times: number[] = [];
  let hits = 0;
  // The first round warms caches, as the use of a server would.
  for (let round = 0; round <= rounds; round += 1) {
    for (const query of queries) {
      const start = performance.now();
      const found = await search(watched.services, viewer, { query, limit: 20 });
      if (round > 0) times.push(performance.now() - start);
      else watched.sqlMs = 0;
      hits += found.length;
    }
  }
  const total = times.reduce((sum, ms) => sum + ms, 0);
  const plan = await services.database.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (ANALYZE, BUFFERS) ${watched.last.text}`,
    watched.last.values,
  );
  return {
    row: [
      `${user}, ${shape.name}`,
      String(queries.length),
      (hits / Math.max(1, queries.length * (rounds + 1))).toFixed(0),
      quantile(times, 0.5).toFixed(1),
      quantile(times, 0.95).toFixed(1),
      user === 'large' ? String(shape.goalMs) : '10',
      (watched.sqlMs / total).toFixed(2),
    ],
    plan: `${user}, ${shape.name}: ${queries.at(-1)}\n${plan.map((line) => line['QUERY PLAN']).join('\n')}`,
  };
}

async function printSizes({ services }: Stage): Promise<void> {
  const [size] = await services.database.query<{ text: number; index: number; table: number; rows: number }>(
    `SELECT (SELECT sum(octet_length(text)) FROM messages)::float8 AS text,
       pg_relation_size('message_search_terms')::float8 AS index,
       pg_table_size('message_search')::float8 AS table, (SELECT count(*) FROM messages)::int AS rows`,
  );
  if (!size) return;
  printTable(
    ['messages', 'text MB', 'index MB', 'index / text', 'goal <= 1.0', 'its table MB', 'table / text'],
    [
      [
        String(size.rows),
        megabytes(size.text),
        megabytes(size.index),
        (size.index / size.text).toFixed(2),
        size.index <= size.text ? 'met' : 'not met',
        megabytes(size.table),
        (size.table / size.text).toFixed(2),
      ],
    ],
  );
}
