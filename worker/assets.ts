import type { ExportArchive } from '../src/archive/export.ts';
import { ArchiveError } from '../src/archive/types.ts';
import { listMissingAssets, type MissingAsset, markAssetStored } from '../src/domain/asset.ts';
import { recordProblems } from '../src/domain/import/problems.ts';
import type { Services } from '../src/domain/services.ts';
import type { Lease } from '../src/domain/sync/lease.ts';
import type { Reporter } from './reporter.ts';

const PAGE = 500;

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
    for (const asset of page) {
      signal.throwIfAborted();
      await importAsset(services, lease, archive, asset, signal);
      reporter.bytes(archive.totalBytes, archive.totalBytes);
    }
    if (page.length < PAGE) return;
    last = page.at(-1)?.id ?? null;
  }
}

async function importAsset(
  services: Services,
  lease: Lease,
  archive: ExportArchive,
  asset: MissingAsset,
  signal: AbortSignal,
): Promise<void> {
  const found = archive.assets.resolve(asset.externalId, asset.conversationExternalId);
  if (!found) return;
  try {
    const stored = await services.files.put(lease.userId, archive.assets.read(found.entry, signal));
    const mimeType = await archive.assets.mimeType(found);
    await markAssetStored(services, lease, { id: asset.id, name: found.name, mimeType, ...stored });
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const reason = `The attachment ${asset.externalId} could not be read: ${error.message}`;
    await recordProblems(services, lease, [
      { outcome: 'WARNING', code: error.code, reason, externalId: asset.conversationExternalId },
    ]);
  }
}
