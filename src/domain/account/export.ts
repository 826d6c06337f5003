import { Readable } from 'node:stream';
import { createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { BackgroundTask } from '../../generated/prisma/client.ts';
import { startBackgroundTask } from '../background/task.ts';
import { conversationJson, readWholeConversations } from '../conversation/whole.ts';
import { NotFoundError } from '../errors.ts';
import { createEntries, type ExportEntry, safeFileName, type WrittenEntry } from '../export-entry.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { accountReadme } from './readme.ts';
import { auditOf, chatsOf, listAssetRows, listVersions, recordsOf } from './records.ts';

/**
 * Queues the making of a zip of everything that is kept of the viewer; see `readme.ts` for what is in it. Throws a
 * TooManyRequestsError.
 */
export async function exportMyData(
  services: Services,
  viewer: Viewer | null,
  requestId?: string,
): Promise<BackgroundTask> {
  requireScope(viewer, 'read');
  await services.limits.spend('export', viewer);
  return startBackgroundTask(
    services,
    viewer,
    'ACCOUNT_EXPORT',
    {},
    {
      requestId,
      audit: { action: 'data.exported', subject: 'everything' },
    },
  );
}

/** What an export holds, and its task's result. */
export interface AccountExportCounts {
  conversations: number;
  messages: number;
  /** Forms in which the providers' exports have shown conversations. */
  originals: number;
  /** Attachments whose content is in the zip. */
  assets: number;
  /** Attachments whose content the server should have and could not read. */
  missingAssets: number;
}

/** Lines of a file: each can be opened at once by whatever reads it. */
const SHARD_CONVERSATIONS = 1_000;
const SHARD_ORIGINALS = 1_000;
/** Compressed bytes up to which a version is expanded at once. */
const SMALL_BYTES = 64 * 1024;

const ALREADY_COMPRESSED = /^(?:image\/(?!svg|bmp)|audio\/(?!wav)|video\/|application\/(?:zip|pdf|gzip))/;

/**
 * The files of an account's export, each read from the tables when its turn comes: what changes meanwhile may be in it
 * or not. `onItem` hears of every conversation, original and attachment. `counts` grows as the files are read.
 */
export async function* accountExport(
  services: Services,
  userId: string,
  counts: AccountExportCounts,
  onItem: () => void,
): AsyncGenerator<ExportEntry> {
  const written: WrittenEntry[] = [];
  const entries = createEntries(written);
  const madeAt = new Date();
  yield entries.text('README.txt', once(accountReadme(madeAt)));
  for (const [path, record] of await recordsOf(services, userId)) yield entries.json(path, record);
  for (const [path, rows] of Object.entries(auditOf(services, userId))) yield entries.lines(path, rows);
  yield entries.lines('chat/sessions.jsonl', chatsOf(services, userId));

  const conversations = sharded(readWholeConversations(services, userId), SHARD_CONVERSATIONS);
  for await (const { number, items } of conversations) {
    const lines = async function* () {
      for await (const { head, messages } of items) {
        yield* conversationJson({ head, messages });
        yield '\n';
        counts.conversations += 1;
        counts.messages += head.messageCount;
        onItem();
      }
    };
    yield entries.text(`conversations/conversations-${number}.jsonl`, lines());
  }
  for (const provider of await providersOf(services, userId)) {
    for await (const { number, items } of sharded(
      listVersions(services, userId, provider),
      SHARD_ORIGINALS,
    )) {
      const shard = async function* () {
        let before = '[';
        for await (const raw of items) {
          yield Buffer.from(before);
          yield* expand(raw);
          before = ',\n';
          counts.originals += 1;
          onItem();
        }
        yield Buffer.from(']\n');
      };
      yield entries.bytes(`originals/${provider}/conversations-${number}.json`, shard());
    }
  }
  yield* assetsOf(services, userId, entries, counts, onItem);
  const manifest = { format: 'sidecar-account', version: 1, madeAt, userId, counts };
  yield entries.json('manifest.json', { ...manifest, files: [...written] });
}

async function* assetsOf(
  services: Services,
  userId: string,
  entries: ReturnType<typeof createEntries>,
  counts: AccountExportCounts,
  onItem: () => void,
): AsyncGenerator<ExportEntry> {
  const missing = new Set<string>();
  const pathOf = (asset: { id: string; name: string | null; externalId: string }) =>
    `assets/${asset.id}-${safeFileName(asset.name ?? asset.externalId) || 'file'}`;
  for await (const asset of listAssetRows(services, userId)) {
    if (!asset.sha256) continue;
    const content = await services.files.read(userId, asset.sha256).catch((error) => {
      if (error instanceof NotFoundError) return null;
      throw error;
    });
    onItem();
    if (!content) {
      missing.add(asset.id);
      counts.missingAssets += 1;
      continue;
    }
    yield entries.bytes(pathOf(asset), content, !ALREADY_COMPRESSED.test(asset.mimeType ?? ''));
    counts.assets += 1;
  }
  const lines = async function* () {
    for await (const { userId: _owner, ...asset } of listAssetRows(services, userId)) {
      yield { ...asset, path: asset.sha256 && !missing.has(asset.id) ? pathOf(asset) : null };
    }
  };
  yield entries.lines('assets/assets.jsonl', lines());
}

/** How many conversations, originals and attachments an export is about. */
export async function countAccountItems(services: Services, userId: string): Promise<number> {
  const [conversations, originals, assets] = await Promise.all([
    services.prisma.conversation.count({ where: { userId } }),
    services.prisma.conversationVersion.count({ where: { userId } }),
    services.prisma.asset.count({ where: { userId, sha256: { not: null } } }),
  ]);
  return conversations + originals + assets;
}

async function providersOf(services: Services, userId: string): Promise<string[]> {
  const rows = await services.prisma.conversation.groupBy({
    by: ['provider'],
    where: { userId },
    orderBy: { provider: 'asc' },
  });
  return rows.map(({ provider }) => provider);
}

/** The bytes of a version as its export had them. A long one is expanded piece by piece. */
async function* expand(raw: Uint8Array): AsyncGenerator<Uint8Array> {
  if (raw.length <= SMALL_BYTES) yield zstdDecompressSync(raw);
  else yield* Readable.from([raw]).pipe(createZstdDecompress());
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

/** Splits a sequence into parts of `size`, numbered 001 and so on; each part must be read before the next is asked for. */
async function* sharded<T>(
  source: AsyncGenerator<T>,
  size: number,
): AsyncGenerator<{ number: string; items: AsyncIterable<T> }> {
  try {
    let next = await source.next();
    for (let number = 1; !next.done; number += 1) {
      const items = async function* () {
        for (let taken = 0; taken < size && !next.done; taken += 1) {
          yield next.value;
          next = await source.next();
        }
      };
      yield { number: String(number).padStart(3, '0'), items: items() };
    }
  } finally {
    await source.return(undefined);
  }
}
