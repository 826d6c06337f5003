import { zstdDecompressSync } from 'node:zlib';
import type { KeptVersion, MergedVersions, VersionHead } from '../../archive/types.ts';
import { giveBack } from '../../own-memory.ts';
import { inTurns } from '../long-texts.ts';
import type { Services, Transaction } from '../services.ts';

/** Compressed bytes that are fetched with one statement, on whose way they take several times the memory. */
const PORTION_BYTES = 2 * 1024 * 1024;

/** Of what zlib makes at once, where it is not known how much comes. */
const MIN_CHUNK_BYTES = 16 * 1024;

/** A version whose bytes are in memory from when they are fetched until they are read. */
interface StoredVersion extends KeptVersion {
  /** Of its JSON; 0 when it was stored before this was noted. */
  sizeBytes: number;
  /** Of `raw`, which is compressed. */
  rawBytes: number;
  raw: Buffer | null;
}

/** A conversation as exports have shown it. */
export interface MergedConversation extends Pick<MergedVersions, 'conversation'> {
  id: string;
  /** Versions of which another one covers them than is written down, for `noteCovered`. */
  news: VersionHead[];
}

/**
 * Merges conversations one after the other. `readAll` reads those versions that are covered, too: what covers what follows
 * from how versions are merged, which may have changed since it was written down. Conversations without any version are
 * left out.
 */
export async function* mergeStored(
  services: Services,
  tx: Transaction,
  userId: string,
  ids: string[],
  { readAll = false }: { readAll?: boolean } = {},
): AsyncGenerator<MergedConversation> {
  const { inOrder, pickUncovered, merge } = services.reader;
  const wanted = [...(await findVersions(tx, userId, ids))].map(
    ([id, versions]) => [id, readAll ? inOrder(versions) : pickUncovered(versions)] as const,
  );
  const fetch = openFetcher(
    tx,
    userId,
    wanted.flatMap(([, versions]) => versions),
  );
  for (const [id, versions] of wanted) {
    const known = new Map(versions.map(({ sha256, coveredBy }) => [hexOf(sha256), hexOf(coveredBy)]));
    const { conversation, heads } = await inTurns(merge(versions), fetch);
    const news = heads.filter(({ sha256, coveredBy }) => known.get(hexOf(sha256)) !== hexOf(coveredBy));
    yield { id, conversation, news };
  }
}

/** Writes down what covers these versions. Whoever does so has locked their conversations. */
export async function noteCovered(tx: Transaction, userId: string, heads: VersionHead[]): Promise<void> {
  if (heads.length === 0) return;
  await tx.execute(
    `UPDATE conversation_versions v SET covered_by = head.covered_by
     FROM unnest($2::bytea[], $3::bytea[]) AS head (sha256, covered_by)
     WHERE v.user_id = $1 AND v.sha256 = head.sha256`,
    [userId, heads.map(({ sha256 }) => sha256), heads.map(({ coveredBy }) => coveredBy)],
  );
}

/** All forms in which exports have shown these conversations, without their bytes, by conversation. */
export async function findVersions(
  tx: Transaction,
  userId: string,
  ids: string[],
): Promise<Map<string, StoredVersion[]>> {
  const found = new Map<string, StoredVersion[]>();
  const rows = await tx.query<Omit<StoredVersion, 'raw' | 'read'> & { conversationId: string }>(
    `SELECT conversation_id AS "conversationId", sha256, covered_by AS "coveredBy", damaged, size_bytes AS "sizeBytes",
       octet_length(raw) AS "rawBytes", (extract(epoch FROM updated_at) * 1000)::float8 AS "updatedAtMs"
     FROM conversation_versions WHERE user_id = $1 AND conversation_id = ANY($2::uuid[])`,
    [userId, ids],
  );
  for (const { conversationId, ...head } of rows) {
    const version: StoredVersion = {
      ...head,
      raw: null,
      read() {
        const { raw } = version;
        if (!raw) throw new Error('A version is read before it was fetched.');
        version.raw = null;
        // All at once: what comes in chunks is put together at the end, and takes the memory twice. With room left it is known to be all.
        const bytes = zstdDecompressSync(raw, {
          chunkSize: Math.max(MIN_CHUNK_BYTES, version.sizeBytes + 1),
        });
        giveBack(raw);
        return bytes;
      },
    };
    const known = found.get(conversationId);
    if (known) known.push(version);
    else found.set(conversationId, [version]);
  }
  return found;
}

/** Fetches the bytes of a version with those of as many that follow as may be in memory at once. */
function openFetcher(tx: Transaction, userId: string, versions: StoredVersion[]) {
  let next = 0;
  return async (version: StoredVersion): Promise<void> => {
    if (version.raw) return;
    const portion = new Map<string | null, StoredVersion>();
    for (let room = PORTION_BYTES; next < versions.length; next += 1) {
      const each = versions[next];
      if (!each || (portion.size > 0 && each.rawBytes > room)) break;
      portion.set(hexOf(each.sha256), each);
      room -= each.rawBytes;
    }
    if (!portion.has(hexOf(version.sha256))) throw new Error('A version is merged out of its turn.');
    if (version.rawBytes > PORTION_BYTES) {
      version.raw = await fetchInPieces(tx, userId, version);
      return;
    }
    const rows = await tx.query<{ sha256: Buffer; raw: Buffer }>(
      'SELECT sha256, raw FROM conversation_versions WHERE user_id = $1 AND sha256 = ANY($2::bytea[])',
      [userId, [...portion.values()].map(({ sha256 }) => sha256)],
    );
    if (rows.length < portion.size) throw isGone();
    for (const { sha256, raw } of rows) {
      const fetched = portion.get(hexOf(sha256));
      if (fetched) fetched.raw = raw;
    }
  };
}

async function fetchInPieces(tx: Transaction, userId: string, version: StoredVersion): Promise<Buffer> {
  const raw = Buffer.allocUnsafeSlow(version.rawBytes);
  for (let at = 0; at < raw.length; at += PORTION_BYTES) {
    const [row] = await tx.query<{ piece: Buffer }>(
      `SELECT substring(raw FROM $3::int FOR $4::int) AS piece FROM conversation_versions
       WHERE user_id = $1 AND sha256 = $2`,
      [userId, version.sha256, at + 1, PORTION_BYTES],
    );
    if (!row) throw isGone();
    row.piece.copy(raw, at);
  }
  return raw;
}

const isGone = () => new Error('A version is gone that was there when its merge began.');

const hexOf = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString('hex');
