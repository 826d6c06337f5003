import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

export type SchemaEngine = bindings.SchemaEngine;

/** OIDs of pg_catalog's own one-byte type and of text. */
const charTypeId = 18;
const textTypeId = 25;

/**
 * Runs `work` with Prisma's schema engine, in this process and connected to `databaseUrl`. The engine's features that
 * need a shadow database must not be used: the adapter would take `databaseUrl` itself for the shadow and wipe it.
 */
export async function withSchemaEngine<T>(
  databaseUrl: string,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= load();
  await loaded;
  // One connection, because the engine's advisory lock and the scripts that it runs belong to a session.
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis: 10_000 });
  // The query under way reports a lost connection, too.
  pool.on('error', () => undefined);
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(adapterOn(pool));
    const engine = await bindings.SchemaEngine.new({ datamodels: undefined }, () => undefined, adapter);
    const value = await work(engine);
    engine.free();
    return value;
  } finally {
    await pool.end();
  }
}

/**
 * The engine describes a database by pg_catalog's "char" columns and insists on their type, which adapter-pg 7.10
 * refuses to read: read them as text and name them for what they are.
 */
function adapterOn(pool: pg.Pool): SqlMigrationAwareDriverAdapterFactory {
  let charColumns: number[] = [];
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<pg.QueryResult>;
  Object.assign(pool, {
    async query(...args: unknown[]) {
      const result = await query(...args);
      charColumns = [];
      for (const [index, field] of (result.fields ?? []).entries()) {
        if (field.dataTypeID !== charTypeId) continue;
        field.dataTypeID = textTypeId;
        charColumns.push(index);
      }
      return result;
    },
  });
  const factory = new PrismaPg(pool);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (statement) => {
      const result = await queryRaw(statement);
      for (const index of charColumns) result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    };
    const executeRaw = adapter.executeRaw.bind(adapter);
    // The adapter's own cuts a script at every semicolon, also within a function's body.
    adapter.executeScript = async (script) => {
      await executeRaw({ sql: script, args: [], argTypes: [] });
    };
    return adapter;
  };
  return factory;
}

let loaded: Promise<void> | undefined;

/** What WebAssembly offers and wasm-bindgen expects; neither stands in the types that this project loads. */
interface WasmHost {
  WebAssembly: {
    instantiate(
      bytes: Uint8Array,
      imports: object,
    ): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
  };
  PRISMA_WASM_PANIC_REGISTRY?: { set_message(message: string): void };
}

/** By hand, because importing a .wasm file is still an experimental feature of Node. */
async function load(): Promise<void> {
  const host = globalThis as unknown as WasmHost;
  // The engine hands its last words to this global and then traps with a bare `unreachable`.
  host.PRISMA_WASM_PANIC_REGISTRY ??= {
    set_message(message) {
      throw new Error(`Prisma's schema engine failed: ${message}`);
    },
  };
  const glue = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(join(dirname(glue), 'schema_engine_bg.wasm'));
  // The engine leaves the timer of its lock's deadline behind, which would keep a finished command alive.
  const startTimer = (work: () => void, waitMs: number) => setTimeout(work, waitMs).unref();
  const imports = Object.fromEntries(
    Object.entries(bindings).map(([name, value]) =>
      name.startsWith('__wbg_setTimeout') ? [name, startTimer] : [name, value],
    ),
  );
  const { instance } = await host.WebAssembly.instantiate(bytes, { './schema_engine_bg.js': imports });
  const loader = bindings as unknown as { __wbg_set_wasm(exports: object): void };
  loader.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}
