import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { loadConfig } from '../../src/config.ts';
import type { Services } from '../../src/domain/services.ts';
import { nowhere, type Viewer } from '../../src/domain/viewer.ts';
import { openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { openServices } from '../../src/services.ts';
import { startRedis } from '../../test/support/redis.ts';
import { startWorker, type WorkerProcess } from './worker-process.ts';

export interface BenchOptions {
  /** Sizes of the exports in millions of uncompressed bytes; empty for the bench's own. */
  mb: number[];
  runs: number;
  backend: 'postgres' | 'redis';
  /** Where each worker leaves a CPU profile. */
  profileFolder: string | null;
}

/** A server of its own in a temporary folder: PostgreSQL, the API's half of the services, and workers as processes. */
export interface Stage {
  folder: string;
  databaseUrl: string;
  /** For programs that are to run on the same stores. */
  env: Record<string, string>;
  services: Services;
  startWorker(): Promise<WorkerProcess>;
  addUser(): Promise<Viewer>;
  /** Empties every table that imports fill, and lets PostgreSQL finish what it put off. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** `extraEnv` is for the worker processes and other programs on the stage, and for its own services. */
export async function openStage(
  options: BenchOptions,
  extraEnv: Record<string, string> = {},
): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'sidecar-bench-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    // PostgreSQL runs as a user of its own when root starts it, and has to pass through.
    await chmod(folder, 0o711);
    const logger = createLogger({ logLevel: 'warn' }, 'bench');
    const postgres = await openEmbeddedPostgres({ directory: folder, logger });
    closers.push(postgres.close);
    const redis = options.backend === 'redis' ? await startRedis() : null;
    if (redis) closers.push(redis.close);
    const env = {
      DATA_DIR: join(folder, 'data'),
      DB_URL: postgres.url,
      REDIS_URL: redis?.url ?? '',
      EXPORT_ALLOWED_HOSTS: '127.0.0.1',
      // A bench asks far more often than anybody would.
      RATE_LIMIT_FACTOR: '0',
      LOG_LEVEL: 'info',
      ...extraEnv,
    };
    const opened = await openServices(loadConfig(env), logger);
    closers.push(opened.close);
    const { services } = opened;
    return {
      folder,
      databaseUrl: postgres.url,
      env,
      services,
      async startWorker() {
        const worker = await startWorker(env, options.profileFolder);
        closers.push(worker.stop);
        return worker;
      },
      async addUser() {
        const userId = uuidv7();
        await services.database.query('INSERT INTO users (id) VALUES ($1)', [userId]);
        return {
          userId,
          scopes: new Set(['read', 'write', 'admin'] as const),
          credential: null,
          origin: nowhere,
        };
      },
      async reset() {
        await services.database.query('TRUNCATE users, messages, message_search CASCADE');
        await services.database.query('CHECKPOINT');
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
