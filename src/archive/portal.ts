/**
 * The provider's Privacy Portal packs the zips of an export into one more zip. Exactly one level is opened, and only
 * zips named as conversations: an attachment may well be somebody's old export.
 */
import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Container, ContainerEntry, ContainerLimits } from './container.ts';
import { findMissingParts } from './missing-shards.ts';
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
  const zips = findInnerZips(outer.entries);
  problems.push(...findMissingParts(zips));
  let maxExpandedBytes = options.limits.maxExpandedBytes;
  for (const entry of zips) {
    const tempPath = `${options.tempPath}.${parts.length}`;
    try {
      const limits = { ...options.limits, maxExpandedBytes };
      const zip = await openInnerZip(outer, entry, { ...options, limits, tempPath }, cleanup, problems);
      cleanup.push(() => zip.close());
      maxExpandedBytes -= zip.entries.reduce((sum, each) => sum + each.expandedBytes, 0);
      problems.push(...zip.warnings);
      parts.push({ container: zip, prefix: `${entry.name}/` });
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      problems.push(asProblem(entry, error));
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
  problems: ArchiveWarning[],
): Promise<ZipFile> {
  const range = await outer.locate(entry);
  if (range !== null) return openZipAt(range, limits);
  cleanup.push(() => rm(tempPath, { force: true }));
  // Opened before anything can fail, or the file could appear after it was removed.
  const handle = await open(tempPath, 'w', 0o600);
  let damage: ArchiveError | null = null;
  async function* unpacked(): AsyncGenerator<Buffer> {
    try {
      yield* outer.read(entry, signal);
    } catch (error) {
      // Comes after the last byte; which of them are wrong, the checksums of the inner zip will tell.
      if (!(error instanceof ArchiveError) || error.code !== 'ZIP_BAD_CRC') throw error;
      damage = error;
    }
  }
  await pipeline(unpacked, handle.createWriteStream());
  const zip = await openZip(tempPath, limits);
  if (damage !== null) problems.push(asProblem(entry, damage));
  return zip;
}

const asProblem = (entry: ContainerEntry, { code, message }: ArchiveError): ArchiveWarning => ({
  code,
  reason: `${entry.baseName}: ${message}`,
});
