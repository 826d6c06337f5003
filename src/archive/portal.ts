/**
 * The provider's Privacy Portal packs the zips of an export into one more zip. Exactly one level is opened, and only
 * zips named as conversations: an attachment may well be somebody's old export.
 */
import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Container, ContainerEntry, ContainerLimits } from './container.ts';
import { findInnerZips } from './shards.ts';
import { ArchiveError, type ArchiveWarning } from './types.ts';
import { openZip, openZipAt, type ZipFile } from './zip.ts';

/** A container and what stands in front of the names of its shards. */
export interface Part {
  container: Container;
  prefix: string;
}

export interface PortalOptions {
  limits: ContainerLimits;
  /** With a number behind it, where a deflated zip is unpacked. */
  tempPath: string;
  signal?: AbortSignal | undefined;
}

/**
 * Opens the zips of conversations within `outer`; one that cannot be opened becomes a problem. All together keep to
 * the limits of one. `cleanup` gets what is to be undone, the last first.
 */
export async function openInnerZips(
  outer: Container,
  options: PortalOptions,
  cleanup: (() => Promise<void>)[],
  problems: ArchiveWarning[],
): Promise<Part[]> {
  const parts: Part[] = [];
  let maxExpandedBytes = options.limits.maxExpandedBytes;
  for (const entry of findInnerZips(outer.entries)) {
    const tempPath = `${options.tempPath}.${parts.length}`;
    try {
      const limits = { ...options.limits, maxExpandedBytes };
      const zip = await openInnerZip(outer, entry, { ...options, limits, tempPath }, cleanup);
      cleanup.push(() => zip.close());
      maxExpandedBytes -= zip.entries.reduce((sum, each) => sum + each.expandedBytes, 0);
      problems.push(...zip.warnings);
      parts.push({ container: zip, prefix: `${entry.name}/` });
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      problems.push({ code: error.code, reason: `${entry.baseName}: ${error.message}` });
    }
  }
  return parts;
}

/** In place where it is stored as it is, else unpacked to the path that the caller named. */
async function openInnerZip(
  outer: Container,
  entry: ContainerEntry,
  { limits, tempPath, signal }: PortalOptions,
  cleanup: (() => Promise<void>)[],
): Promise<ZipFile> {
  const range = await outer.locate(entry);
  if (range !== null) return openZipAt(range, limits);
  cleanup.push(() => rm(tempPath, { force: true }));
  // Opened before anything can fail, or the file could appear after it was removed.
  const handle = await open(tempPath, 'w', 0o600);
  await pipeline(outer.read(entry, signal), handle.createWriteStream());
  return openZip(tempPath, limits);
}
