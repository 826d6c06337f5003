import { type ExportArchive, openExport, type ReadShardOptions, type Shard } from '../src/archive/export.ts';
import type { Slice } from '../src/archive/slices.ts';
import { ArchiveError, type ArchiveWarning } from '../src/archive/types.ts';
import {
  type Element,
  joinBatches,
  newsOf,
  type PreparedBatch,
  prepareBatch,
  type ShardEnd,
} from '../src/domain/import/batch.ts';
import { type Problem, recordProblems } from '../src/domain/import/problems.ts';
import { writeBatch } from '../src/domain/import/write.ts';
import type { SearchWatch } from '../src/domain/search/activity.ts';
import type { Services } from '../src/domain/services.ts';
import type { Lease } from '../src/domain/sync/lease.ts';
import { giveBack } from '../src/own-memory.ts';
import { importAssets } from './assets.ts';
import type { Indexer } from './indexer.ts';
import type { Reporter } from './reporter.ts';

/** Enough for the cost of a transaction to vanish, little enough for live progress and bounded memory. */
const BATCH_BYTES = 2 * 1024 * 1024;
const BATCH_ELEMENTS = 400;
/** So many are read, in threads, while one is written; none while a search needs room. */
const BATCHES_AHEAD = 2;
/** The first batch is small, so that there is something to read and to find at once. */
const FIRST_BATCH_ELEMENTS = 20;
/** Batches that are mostly known already are written together, until there is so much news in them or they are so many. */
const NEWS_BYTES = 512 * 1024;
const NEWS_ELEMENTS = 100;
const JOINED_BATCHES = 8;

export interface ImportOptions {
  path: string;
  maxExpandedBytes: number;
  progress: { from: number; to: number };
}

interface Batch extends BatchExtent {
  elements: Element[];
  /** Shards that end with this batch, and how. */
  ended: ShardEnd[];
}

interface BatchExtent {
  bytes: number;
  /** Shards of the export before the end of this batch. */
  shardsDone: number;
  /** Bytes of all shards before the end of this batch. */
  position: number;
}

/**
 * Reads an archive from the lease's checkpoint to its end and writes it in batches, the next of which are read while
 * one is written. A shard that breaks off is a problem of the task, and the next one is read.
 */
export async function importArchive(
  services: Services,
  lease: Lease,
  { reporter, indexer, searches }: { reporter: Reporter; indexer: Indexer; searches: SearchWatch },
  signal: AbortSignal,
  options: ImportOptions,
): Promise<void> {
  await reporter.enter('READING', options.progress.from, options.progress.from);
  const archive = await openExport(options.path, {
    limits: { maxExpandedBytes: options.maxExpandedBytes },
    tempPath: `${services.workspace.archivePath(lease.taskId)}.inner`,
    signal,
    onUnpacking: reporter.moved,
  });
  try {
    if (!lease.checkpoint && !lease.retry)
      await recordProblems(services, lease, archive.problems.map(toProblem));
    await reporter.enter('IMPORTING', options.progress.from, options.progress.to);
    const writer = createWriter(services, lease, reporter, indexer, archive.totalBytes);
    const ahead: (() => Promise<void>)[] = [];
    for await (const batch of readBatches(lease, archive, signal)) {
      const { elements, ended, ...extent } = batch;
      const preparing = prepareBatch(services, lease.userId, elements, ended);
      // Met when its turn comes; until then it must not count as unhandled.
      preparing.catch(() => undefined);
      ahead.push(async () => writer.write(await preparing, extent));
      const needsRoom = searches.needsRoom();
      while (ahead.length > (needsRoom ? 0 : BATCHES_AHEAD)) await ahead.shift()?.();
      if (needsRoom) await writer.written();
      signal.throwIfAborted();
    }
    for (const write of ahead) {
      await write();
      signal.throwIfAborted();
    }
    await writer.finish();
    await importAssets(services, lease, archive, reporter, signal);
  } finally {
    await archive.close();
  }
}

/**
 * Writes batches in their order, small ones together; `write` resolves as soon as the one before is written, and `finish`
 * when all are; `written` when nothing is being written.
 */
function createWriter(
  services: Services,
  lease: Lease,
  reporter: Reporter,
  indexer: Indexer,
  totalBytes: number,
) {
  let writing: Promise<void> = Promise.resolve();
  let waiting: { batch: PreparedBatch; extent: BatchExtent; batches: number } | null = null;
  let isFirst = true;

  async function writeWaiting(): Promise<void> {
    if (!waiting) return;
    const { batch, extent } = waiting;
    waiting = null;
    isFirst = false;
    await writing;
    reporter.bytes(extent.position, totalBytes);
    reporter.conversations(batch.places.length);
    const last = batch.places.at(-1);
    const change = {
      ...reporter.snapshot(),
      filesProcessed: extent.shardsDone,
      ...(last ? { checkpoint: { shard: last.shard, element: last.element + 1 } } : {}),
    };
    writing = writeBatch(services, lease, batch, change).then(async ({ seq, added, tally }) => {
      services.metrics.imported({
        conversations: batch.places.length,
        messages: tally.messagesAdded,
        bytes: extent.bytes,
      });
      reporter.written(seq);
      if (added) await indexer.add(added);
    });
    // A failed write is met at the next turn.
    writing.catch(() => undefined);
  }

  return {
    async write(batch: PreparedBatch, extent: BatchExtent): Promise<void> {
      waiting = waiting
        ? {
            batch: joinBatches(waiting.batch, batch),
            extent: { ...extent, bytes: waiting.extent.bytes + extent.bytes },
            batches: waiting.batches + 1,
          }
        : { batch, extent, batches: 1 };
      const { bytes, elements } = newsOf(waiting.batch);
      const isNews = bytes >= NEWS_BYTES || elements >= NEWS_ELEMENTS;
      if (isFirst || isNews || waiting.batches >= JOINED_BATCHES) await writeWaiting();
    },
    written: () => writing,
    async finish(): Promise<void> {
      await writeWaiting();
      await writing;
    },
  };
}

async function* readBatches(
  lease: Lease,
  archive: ExportArchive,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const { checkpoint, retry } = lease;
  const resumeAt = checkpoint ? archive.shards.findIndex((shard) => shard.name === checkpoint.shard) : 0;
  let limit = FIRST_BATCH_ELEMENTS;
  let before = 0;
  let batch: Batch = { elements: [], bytes: 0, ended: [], shardsDone: 0, position: 0 };
  const take = () => {
    const full = batch;
    batch = { ...full, elements: [], bytes: 0, ended: [] };
    limit = BATCH_ELEMENTS;
    return full;
  };
  for (const [index, shard] of archive.shards.entries()) {
    if (index >= resumeAt && (retry?.concerns(shard.name) ?? true)) {
      const fromElement = index === resumeAt && checkpoint ? checkpoint.element : 0;
      const end: ShardEnd = { shard: shard.name, broken: null };
      const options = { fromElement, keepsFew: retry !== null, signal };
      for await (const slice of readShard(archive, shard, options, end)) {
        if (retry && !retry.includes(shard.name, slice.element)) {
          if (slice.bytes) giveBack(slice.bytes);
          continue;
        }
        batch.elements.push(toElement(shard, slice));
        batch.bytes += slice.bytes?.length ?? 0;
        batch.position = before + slice.endByte;
        if (batch.bytes >= BATCH_BYTES || batch.elements.length >= limit) yield take();
      }
      batch.ended.push(end);
    }
    batch.shardsDone = index + 1;
    before += shard.expandedBytes;
    batch.position = before;
  }
  yield take();
}

/** Ends where the shard breaks off as well; `end` then says so. */
async function* readShard(
  archive: ExportArchive,
  shard: Shard,
  options: ReadShardOptions & { fromElement: number },
  end: ShardEnd,
): AsyncGenerator<Slice> {
  let element = options.fromElement;
  try {
    for await (const slice of archive.readShard(shard, options)) {
      yield slice;
      element = slice.element + 1;
    }
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const reason = `${shard.name} could not be read to its end: ${error.message}`;
    end.broken = {
      code: error.code,
      reason,
      shard: shard.name,
      element,
      restOfShard: true,
      outcome: 'FAILED',
    };
  }
}

function toElement(shard: Shard, slice: Slice): Element {
  const content = slice.bytes
    ? { bytes: slice.bytes }
    : { code: slice.error.code, reason: slice.error.message };
  return { shard: shard.name, element: slice.element, content };
}

/** Odd, but nothing of a conversation is lost by it. */
const HARMLESS = new Set([
  'ENTRY_DUPLICATE',
  'ENTRY_REFUSED',
  'SHARD_GAP',
  'SIDE_FILE_UNREADABLE',
  'ZIP_PREFIX',
]);

const toProblem = ({ code, reason }: ArchiveWarning): Problem => ({
  code,
  reason,
  outcome: HARMLESS.has(code) ? 'WARNING' : 'FAILED',
});
