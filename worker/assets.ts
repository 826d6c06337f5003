import type { ExportArchive } from '../src/archive/export.ts';
import { ArchiveError } from '../src/archive/types.ts';
import { removeContentsOfDeleted } from '../src/domain/account/delete.ts';
import {
  listMissingAssets,
  type MissingAsset,
  markAssetsStored,
  type StoredAsset,
} from '../src/domain/asset.ts';
import { type Problem, recordProblems } from '../src/domain/import/problems.ts';
import type { Services } from '../src/domain/services.ts';
import type { Lease } from '../src/domain/sync/lease.ts';
import type { Reporter } from './reporter.ts';

const PAGE = 500;
/** Streams that are open at once: most attachments are small, and their cost is the waiting. */
const AT_ONCE = 8;

/**
 * Stores every attachment that the user's messages point to and this archive holds, also for conversations that an
 * earlier export brought without it. One that cannot be read is a warning, and stays missing.
 */
export async function importAssets(
  services: Services,
  lease: Lease,
  archive: ExportArchive,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  let last: string | null = null;
  for (;;) {
    const page: MissingAsset[] = await listMissingAssets(services, lease.userId, last, PAGE);
    for (let from = 0; from < page.length; from += AT_ONCE) {
      let several = page.slice(from, from + AT_ONCE);
      while (several.length > 0) {
        signal.throwIfAborted();
        several = await storeSeveral(services, lease, archive, several, reporter, signal);
      }
      reporter.bytes(archive.totalBytes, archive.totalBytes);
    }
    if (page.length < PAGE) return;
    last = page.at(-1)?.id ?? null;
  }
}

/** Answers those that have to be stored again. */
async function storeSeveral(
  services: Services,
  lease: Lease,
  archive: ExportArchive,
  several: MissingAsset[],
  reporter: Reporter,
  signal: AbortSignal,
): Promise<MissingAsset[]> {
  const settled = await Promise.allSettled(
    several.map((asset) => storeAsset(services, lease, archive, asset, reporter, signal)),
  );
  const outcomes = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const stored = outcomes.filter((outcome) => outcome !== null && 'sha256' in outcome);
  const problems = outcomes.filter((outcome) => outcome !== null && 'outcome' in outcome);
  let again: MissingAsset[] = [];
  try {
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
    if (stored.length > 0) {
      const { seq, lost } = await markAssetsStored(services, lease, stored);
      reporter.written(seq);
      again = several.filter(({ id }) => lost.has(id));
    }
  } catch (error) {
    await removeContentsOfDeleted(services, lease, stored);
    throw error;
  }
  await recordProblems(services, lease, problems);
  return again;
}

/** Null when this archive does not hold it. */
async function storeAsset(
  services: Services,
  lease: Lease,
  archive: ExportArchive,
  asset: MissingAsset,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<StoredAsset | Problem | null> {
  const found = archive.assets.resolve(asset.externalId, asset.conversationExternalId);
  if (!found) return null;
  try {
    const stored = await services.files.put(
      lease.userId,
      watched(archive.assets.read(found.entry, signal), reporter),
    );
    const mimeType = await archive.assets.mimeType(found, asset.name);
    return { id: asset.id, name: found.name, mimeType, ...stored };
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const reason = `The attachment ${asset.externalId} could not be read: ${error.message}`;
    return { outcome: 'WARNING', code: error.code, reason, externalId: asset.conversationExternalId };
  }
}

/** A large one over a slow line takes longer than a run may stand still. */
async function* watched(chunks: AsyncIterable<Buffer>, reporter: Reporter): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    reporter.moved();
  }
}
