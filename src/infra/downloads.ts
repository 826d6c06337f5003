import { setTimeout as delay } from 'node:timers/promises';
import { InvalidInputError, SyncError } from '../domain/errors.ts';
import type { Download, Downloads } from '../domain/services.ts';
import { openGuardedAgent, type Resolve } from './downloads/agent.ts';
import { TransientError, toSyncError } from './downloads/failures.ts';
import { openPartFile, type PartFile } from './downloads/part-file.ts';
import { attemptTransfer, type Transfer } from './downloads/transfer.ts';
import { hostRule, parseUrl } from './downloads/url.ts';
import { startDeadline } from './downloads/watchdog.ts';

export interface DownloadsConfig {
  /** Hosts that may be private all the same: `host` or `host:port`. */
  allowedHosts: string[];
  maxArchiveBytes: number;
  connectTimeoutMs?: number;
  /** The longest silence: before the headers, or between two pieces of the body. */
  idleTimeoutMs?: number;
  minBytesPerSecond?: number;
  throughputWindowMs?: number;
  totalTimeoutMs?: number;
  /** Failures in a row, without real progress between them, after which a download is given up. */
  maxAttempts?: number;
  /** The pause after a first failure; it doubles with each further one. */
  retryDelayMs?: number;
  /** Between two signs that a download which waits for its server has not come to a standstill. */
  waitingSignMs?: number;
  /** Looks names up; the system's resolver when missing. */
  resolve?: Resolve;
}

/** So much more than ever before is progress: a server that sends a byte before each failure must not go on for ever. */
const progressBytes = 65_536;
/** Of a file that changes while it is fetched, as many count for progress of their own. */
const maxVersions = 3;
const maxPauseMs = 60_000;
/** A server that asks for more is left to a later sync. */
const maxRetryAfterMs = 10 * 60_000;

/**
 * Fetches archives over HTTP(S) from public addresses and allowed hosts. Goes on after failures with the rest of the
 * same version of the file, begins again when it changed, and never joins two versions.
 */
export function openDownloads(config: DownloadsConfig): Downloads & { close(): Promise<void> } {
  const isAllowed = hostRule(config.allowedHosts);
  const agent = openGuardedAgent(isAllowed, {
    connectTimeoutMs: config.connectTimeoutMs ?? 15_000,
    resolve: config.resolve,
  });
  const pace = {
    idleTimeoutMs: config.idleTimeoutMs ?? 60_000,
    minBytesPerSecond: config.minBytesPerSecond ?? 10_000,
    throughputWindowMs: config.throughputWindowMs ?? 60_000,
  };
  const maxAttempts = config.maxAttempts ?? 6;
  const retryDelayMs = config.retryDelayMs ?? 1000;
  const waitingSignMs = config.waitingSignMs ?? 30_000;

  /** Less than the slowest speed allows is none, even when it stood still only at the end. */
  const isProgress = (bytes: number, ms: number) =>
    bytes >= progressBytes && bytes >= (pace.minBytesPerSecond * ms) / 1000;

  async function run(transfer: Transfer): Promise<'complete' | 'notModified'> {
    let furthest = 0;
    let versions = 1;
    for (let failures = 0; ; ) {
      const startedAt = performance.now();
      try {
        return await attemptTransfer(transfer);
      } catch (error) {
        transfer.signal.throwIfAborted();
        const failure = toSyncError(error);
        if (!(failure instanceof TransientError)) throw failure;
        // What comes of another version is progress again, if that does not go on for ever.
        if (failure.code === 'FILE_CHANGED' && versions < maxVersions) {
          versions += 1;
          furthest = 0;
        }
        const gained = transfer.part.bytes() - furthest;
        furthest = Math.max(furthest, transfer.part.bytes());
        failures = isProgress(gained, performance.now() - startedAt) ? 1 : failures + 1;
        const backoffMs =
          Math.min(maxPauseMs, retryDelayMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
        const pauseMs = failure.waitMs ?? backoffMs;
        if (failures >= maxAttempts || pauseMs > maxRetryAfterMs) throw failure;
        await pause(transfer, pauseMs);
      }
    }
  }

  /** Tells all the while how far the download is: who watches over it must not take the wait for a standstill. */
  async function pause({ part, totalBytes, onProgress, signal }: Transfer, pauseMs: number): Promise<void> {
    const tell = () => onProgress({ bytesDone: part.bytes(), bytesTotal: totalBytes });
    tell();
    const telling = setInterval(tell, waitingSignMs);
    await delay(pauseMs, undefined, { signal }).finally(() => clearInterval(telling));
  }

  return {
    check(url) {
      parseUrl(url, isAllowed);
    },
    async fetch(url, path, { signal: callerSignal, onProgress, known }): Promise<Download> {
      callerSignal.throwIfAborted();
      const target = parseTarget(url);
      const deadline = startDeadline(config.totalTimeoutMs ?? 6 * 3_600_000);
      const signal = AbortSignal.any([callerSignal, deadline.signal]);
      let part: PartFile | undefined;
      try {
        part = await openPartFile(path);
        const transfer: Transfer = {
          url: target,
          agent,
          isAllowed,
          part,
          version: { etag: null, lastModified: null },
          sameVersion: null,
          totalBytes: null,
          mayBeWhole: false,
          known,
          maxBytes: config.maxArchiveBytes,
          pace,
          signal,
          onProgress,
        };
        if ((await run(transfer)) === 'notModified') {
          return { etag: null, lastModified: null, ...known, bytes: 0, sha256: '', notModified: true };
        }
        return { ...transfer.version, bytes: part.bytes(), sha256: await part.finish(), notModified: false };
      } catch (error) {
        signal.throwIfAborted();
        throw toSyncError(error);
      } finally {
        deadline.stop();
        await part?.discard();
      }
    },
    close: () => agent.destroy(),
  };

  function parseTarget(url: string): URL {
    try {
      return parseUrl(url, isAllowed);
    } catch (error) {
      if (error instanceof InvalidInputError) throw new SyncError('INVALID_URL', error.message);
      throw error;
    }
  }
}
