import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../domain/metrics.ts';
import type { Database, Logger } from '../domain/services.ts';
import { atMost } from './patience.ts';

/** Connections of a pool: open ones, those among them that nobody uses, and callers that wait for one. */
export interface PoolState {
  totalCount: number;
  idleCount: number;
  waitingCount: number;
}

/** A store that is away must not keep a scraper from everything else. */
const TASKS_PATIENCE_MS = 2_000;

/** Both kinds of work stand in tables of the same form; an index finds what is unfinished. */
const UNFINISHED_TASKS = `
  SELECT lane, status, count(*)::int AS count, extract(epoch FROM now() - min(created_at))::float8 AS age
  FROM (
    SELECT 'sync' AS lane, status::text, created_at FROM sync_tasks WHERE status IN ('QUEUED', 'RUNNING')
    UNION ALL
    SELECT 'background', status::text, created_at FROM background_tasks WHERE status IN ('QUEUED', 'RUNNING')
  ) AS tasks GROUP BY lane, status`;

const LANES = ['sync', 'background'];

/** Counts for this process, in a registry of its own, beside what Node tells of it. */
export function openMetrics(sources: {
  database: Database;
  pools: Record<string, PoolState>;
  logger: Logger;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'sidecar_http_request_duration_seconds',
    help: 'Requests from their first byte to the end of the answer, by route, method and status.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const operations = new Counter({
    name: 'sidecar_graphql_operations_total',
    help: 'GraphQL operations that were executed, by first field, type and outcome.',
    labelNames: ['field', 'type', 'outcome'] as const,
    registers,
  });
  const subscriptions = new Gauge({
    name: 'sidecar_graphql_subscriptions_open',
    help: 'Subscriptions that are open in this process.',
    registers,
  });
  const [conversations, messages, bytes] = (
    [
      ['conversations', 'Conversations that imports have dealt with.'],
      ['messages', 'Messages that imports have added.'],
      ['bytes', 'Bytes of conversations that imports have read.'],
    ] as const
  ).map(([what, help]) => new Counter({ name: `sidecar_import_${what}_total`, help, registers }));
  const ended = new Counter({
    name: 'sidecar_tasks_ended_total',
    help: 'Tasks that this process ended, by lane and status.',
    labelNames: ['lane', 'status'] as const,
    registers,
  });
  gaugeOfPools(registers, sources.pools);
  gaugesOfTasks(registers, sources);
  return {
    requestAnswered({ method, route, status, seconds }) {
      requests.observe({ method, route, status }, seconds);
    },
    operationEnded: (operation) => operations.inc(operation),
    subscriptionOpened() {
      subscriptions.inc();
      let isOpen = true;
      return () => {
        if (isOpen) subscriptions.dec();
        isOpen = false;
      };
    },
    imported(batch) {
      conversations?.inc(batch.conversations);
      messages?.inc(batch.messages);
      bytes?.inc(batch.bytes);
    },
    taskEnded: (task) => ended.inc(task),
    read: async () => ({ text: await registry.metrics(), mediaType: registry.contentType }),
  };
}

function gaugeOfPools(registers: Registry[], pools: Record<string, PoolState>): void {
  const gauge = new Gauge({
    name: 'sidecar_database_connections',
    help: 'Connections of the pools by state; "waiting" are callers that wait for one.',
    labelNames: ['pool', 'state'] as const,
    registers,
    collect() {
      for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
        gauge.set({ pool, state: 'used' }, totalCount - idleCount);
        gauge.set({ pool, state: 'idle' }, idleCount);
        gauge.set({ pool, state: 'waiting' }, waitingCount);
      }
    },
  });
}

/** The rows are the truth about what waits, and every process tells the same: dashboards take the maximum. */
function gaugesOfTasks(registers: Registry[], { database, logger }: { database: Database; logger: Logger }) {
  const depth = new Gauge({
    name: 'sidecar_tasks',
    help: 'Unfinished tasks by lane and state; missing while the database does not answer.',
    labelNames: ['lane', 'state'] as const,
    registers,
    collect: () => counted(),
  });
  const age = new Gauge({
    name: 'sidecar_oldest_waiting_task_seconds',
    help: 'Since the oldest task that waits was asked for, by lane; 0 when none waits.',
    labelNames: ['lane'] as const,
    registers,
    collect: () => counted(),
  });
  const count = async () => {
    const rows = await database.query<{ lane: string; status: string; count: number; age: number }>(
      UNFINISHED_TASKS,
    );
    for (const lane of LANES) {
      const of = (status: string) => rows.find((row) => row.lane === lane && row.status === status);
      depth.set({ lane, state: 'waiting' }, of('QUEUED')?.count ?? 0);
      depth.set({ lane, state: 'running' }, of('RUNNING')?.count ?? 0);
      age.set({ lane }, of('QUEUED')?.age ?? 0);
    }
  };
  let counting: Promise<void> | null = null;
  /** One statement serves both gauges, and all who scrape at the same time. */
  function counted(): Promise<void> {
    counting ??= (async () => {
      depth.reset();
      age.reset();
      try {
        await atMost(TASKS_PATIENCE_MS, count());
      } catch (error) {
        logger.warn({ error }, 'the tasks could not be counted');
      } finally {
        counting = null;
      }
    })();
    return counting;
  }
}
