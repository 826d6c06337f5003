/** What the machine needs for the bare parts of an import, in plain code, to divide the import's own times by. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Stage } from './stage.ts';

const CHUNK_BYTES = 256 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Inflates the first entry of a zip, which is the conversations in generated exports, and does nothing with it but `onChunk`. */
async function inflate(path: string, onChunk: (chunk: Buffer) => void): Promise<void> {
  const handle = await open(path);
  const { buffer } = await handle.read(Buffer.alloc(30), 0, 30, 0);
  await handle.close();
  // The local header of APPNOTE.TXT 4.3.7: 30 bytes, the name and the extra field.
  const start = 30 + buffer.readUInt16LE(26) + buffer.readUInt16LE(28);
  const source = createReadStream(path, { start, highWaterMark: 4 * CHUNK_BYTES });
  const inflater = createInflateRaw({ chunkSize: CHUNK_BYTES });
  inflater.on('data', onChunk);
  // The rest of the file lies behind the end of the deflated data, where the inflater stops reading.
  inflater.once('end', () => source.destroy());
  await Promise.all([
    new Promise((resolve, reject) => inflater.once('end', resolve).once('error', reject)),
    pipeline(source, inflater).catch((error) => {
      if (!inflater.readableEnded) throw error;
    }),
  ]);
}

/** Follows brackets and strings; `onElement` gets the pieces of each element of the top-level array. */
function scanner(onElement: (pieces: Buffer[]) => void): (chunk: Buffer) => void {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let pieces: Buffer[] = [];
  return (chunk) => {
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (inString) {
        if (escaped) {
          escaped = false;
          at += 1;
          continue;
        }
        const quote = chunk.indexOf(QUOTE, at);
        const stop = quote < 0 ? chunk.length : quote;
        let slashes = stop;
        while (slashes > at && chunk[slashes - 1] === BACKSLASH) slashes -= 1;
        escaped = (stop - slashes) % 2 === 1;
        if (quote >= 0 && !escaped) inString = false;
        else if (quote >= 0) escaped = false;
        at = stop + 1;
        continue;
      }
      const byte = chunk[at];
      at += 1;
      if (byte === QUOTE) inString = true;
      else if (byte === 0x7b || byte === 0x5b) {
        depth += 1;
        if (depth === 2) start = at - 1;
      } else if (byte === 0x7d || byte === 0x5d) {
        depth -= 1;
        if (depth === 1) {
          pieces.push(chunk.subarray(start, at));
          onElement(pieces);
          pieces = [];
        }
      }
    }
    if (depth > 1) pieces.push(chunk.subarray(start));
  };
}

/** Answers how many elements there are. */
export async function inflateAndScan(path: string): Promise<number> {
  let elements = 0;
  await inflate(
    path,
    scanner(() => {
      elements += 1;
    }),
  );
  return elements;
}

/** The same with a SHA-256 over each element. */
export async function inflateAndHash(path: string): Promise<number> {
  const hashes = new Set<string>();
  await inflate(
    path,
    scanner((pieces) => {
      const hash = createHash('sha256');
      for (const piece of pieces) hash.update(piece);
      hashes.add(hash.digest('base64'));
    }),
  );
  return hashes.size;
}

const TABLES = ['conversations', 'conversation_versions', 'messages'];

/** The rows of an import in COPY's binary format, to be loaded again by the floors. */
export interface Dump {
  /** Into tables without key or index. */
  copyPlain(): Promise<void>;
  /** The messages over one connection into a table with key, generated tsvector and GIN index, until all is sorted into that. */
  copyIndexed(): Promise<void>;
}

/** Writes what an import left in the database to files. */
export async function dumpRows(stage: Stage): Promise<Dump> {
  const pathOf = (table: string) => join(stage.folder, `${table}.dump`);
  await withClient(stage, async (client) => {
    for (const table of TABLES) {
      const rows = client.query(copyTo(`COPY ${table} TO STDOUT (FORMAT binary)`));
      await pipeline(rows, createWriteStream(pathOf(table)));
    }
    // Made beforehand: PostgreSQL would not log a COPY into a table of the same transaction.
    for (const table of TABLES)
      await client.query(`CREATE TABLE IF NOT EXISTS plain_${table} (LIKE ${table})`);
    await client.query(`CREATE TABLE IF NOT EXISTS indexed_messages (LIKE messages,
      terms tsvector GENERATED ALWAYS AS (to_tsvector('english', text)) STORED,
      PRIMARY KEY (user_id, conversation_id, node_id))`);
    await client.query(
      'CREATE INDEX IF NOT EXISTS indexed_terms ON indexed_messages USING gin (user_id, terms)',
    );
  });
  const load = async (client: pg.Client, table: string, target: string) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
      [table],
    );
    const columns = rows.map(({ name }) => `"${name}"`).join(', ');
    const copy = client.query(copyFrom(`COPY ${target} (${columns}) FROM STDIN (FORMAT binary)`));
    await pipeline(createReadStream(pathOf(table), { highWaterMark: CHUNK_BYTES }), copy);
  };
  return {
    copyPlain: () =>
      withClient(stage, async (client) => {
        for (const table of TABLES) await load(client, table, `plain_${table}`);
      }),
    copyIndexed: () =>
      withClient(stage, async (client) => {
        await load(client, 'messages', 'indexed_messages');
        await client.query(`SELECT gin_clean_pending_list('indexed_terms')`);
      }),
  };
}

/** Empties the floors' tables and settles the server, outside of what is measured. */
export async function resetFloors(stage: Stage): Promise<void> {
  const tables = [...TABLES.map((table) => `plain_${table}`), 'indexed_messages'];
  await stage.services.database.query(`TRUNCATE ${tables.join(', ')}`);
  await stage.services.database.query('CHECKPOINT');
}

async function withClient<T>(stage: Stage, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: stage.databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
