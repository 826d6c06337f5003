import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { SyncError } from '../src/domain/errors.ts';
import type { Services } from '../src/domain/services.ts';
import {
  type KnownArchive,
  recallArchive,
  recallSource,
  rememberSource,
} from '../src/domain/sync/known-archive.ts';
import type { Lease } from '../src/domain/sync/lease.ts';
import { giveBack } from '../src/own-memory.ts';
import type { Reporter } from './reporter.ts';

/** When no more than this is to come of a download, a thread is begun for what is to be read: it ends again without work. */
const NEARLY_BYTES = 4 * 1024 * 1024;

/** An archive to read; `sha256` is null for a folder, which has none. */
export interface ObtainedArchive {
  path: string;
  sha256: Buffer | null;
  /** What is at `path` as it was before it was hashed. */
  state: string;
}

/** Whether nobody has replaced or changed an archive since it was hashed. */
export async function isAsHashed({ path, state }: ObtainedArchive): Promise<boolean> {
  return (await stat(path).then(stateOf, () => null)) === state;
}

const stateOf = ({ dev, ino, size, mtimeMs, ctimeMs }: Stats) => [dev, ino, size, mtimeMs, ctimeMs].join();

/**
 * The task's archive: sent here, fetched by an earlier attempt, fetched now, or in a folder of this server. Says
 * `known` instead when it was imported whole before, by its server's word or by its hash; a retry always reads.
 */
export async function obtainArchive(
  services: Services,
  lease: Lease,
  reporter: Reporter,
  {
    share,
    onSize,
    signal,
  }: {
    /** Of the whole progress. */
    share: number;
    /** Hears how large a download is, or has become where its server does not say. */
    onSize(bytes: number): void;
    signal: AbortSignal;
  },
): Promise<ObtainedArchive | { known: KnownArchive }> {
  const { origin, userId } = lease;
  const mayBeKnown = !lease.retry && !lease.checkpoint;
  const path = await pathOf(services, lease);
  const present = await stat(path).catch(() => null);
  let sha256: Buffer | null = null;
  if (present) services.threads.warm();
  if (present?.isFile()) {
    sha256 = await hashFile(path, reporter, signal);
  } else if (!present) {
    if (origin?.kind !== 'url') {
      const message = 'The archive is no longer on this server. Upload it again.';
      throw new SyncError('ARCHIVE_GONE', message);
    }
    await reporter.enter('DOWNLOADING', 0, share);
    let isWarm = false;
    const warmUp = (left: number) => {
      if (isWarm || left > NEARLY_BYTES) return;
      isWarm = true;
      services.threads.warm();
    };
    const source = mayBeKnown ? await recallSource(services, userId, origin.url) : null;
    const download = await services.downloads.fetch(origin.url, path, {
      signal,
      onProgress({ bytesDone, bytesTotal }) {
        reporter.bytes(bytesDone, bytesTotal ?? 0);
        onSize(bytesTotal ?? bytesDone);
        warmUp((bytesTotal ?? Number.POSITIVE_INFINITY) - bytesDone);
      },
      known: source ?? undefined,
    });
    if (source && download.notModified) return { known: source };
    await rememberSource(services, userId, origin.url, download);
    sha256 = Buffer.from(download.sha256, 'hex');
  }
  const known = sha256 && mayBeKnown ? await recallArchive(services, userId, sha256) : null;
  return known ? { known } : { path, sha256, state: stateOf(present ?? (await stat(path))) };
}

async function hashFile(path: string, reporter: Reporter, signal: AbortSignal): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
    hash.update(chunk);
    giveBack(chunk);
    reporter.moved();
  }
  return hash.digest();
}

async function pathOf(services: Services, { origin, taskId }: Lease): Promise<string> {
  if (origin?.kind === 'ingest') return services.ingest.resolve(origin.path);
  if (origin?.kind === 'watched') return services.watched.resolve(origin.path);
  return services.workspace.archivePath(taskId);
}
