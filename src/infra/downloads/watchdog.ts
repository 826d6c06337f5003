import { SyncError } from '../../domain/errors.ts';
import { TransientError, useAnother } from './failures.ts';

/** Ends a download that hangs or crawls; BullMQ would hold such a job active for ever. */
export interface Watchdog {
  signal: AbortSignal;
  /** A request was sent: its headers must come within the idle time. */
  awaitHeaders(): void;
  /** Headers came: from now on bytes must. */
  awaitBody(): void;
  received(bytes: number): void;
  stop(): void;
}

export interface PaceLimits {
  idleTimeoutMs: number;
  /** Over each `throughputWindowMs`. */
  minBytesPerSecond: number;
  throughputWindowMs: number;
}

export function startWatchdog(limits: PaceLimits): Watchdog {
  const controller = new AbortController();
  let windowBytes = 0;
  let idleTimer: NodeJS.Timeout | undefined;
  let windowTimer: NodeJS.Timeout | undefined;
  const stalled = () =>
    controller.abort(
      new TransientError('DOWNLOAD_STALLED', `The server of the export stopped answering. ${useAnother}`),
    );

  function restartIdleTimer(): void {
    clearTimeout(idleTimer);
    idleTimer = setTimeout(stalled, limits.idleTimeoutMs);
  }
  return {
    signal: controller.signal,
    awaitHeaders: restartIdleTimer,
    awaitBody() {
      restartIdleTimer();
      windowTimer = setInterval(() => {
        const bytesPerSecond = (windowBytes * 1000) / limits.throughputWindowMs;
        windowBytes = 0;
        if (bytesPerSecond >= limits.minBytesPerSecond) return;
        controller.abort(
          new TransientError('DOWNLOAD_TOO_SLOW', `The server of the export sends too slowly. ${useAnother}`),
        );
      }, limits.throughputWindowMs);
    },
    received(bytes) {
      windowBytes += bytes;
      idleTimer?.refresh();
    },
    stop() {
      clearTimeout(idleTimer);
      clearInterval(windowTimer);
    },
  };
}

/** A signal for the whole of a download, with its reason; `stop` frees its timer. */
export function startDeadline(totalTimeoutMs: number): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const timer = setTimeout(
    () =>
      controller.abort(
        new SyncError('DOWNLOAD_TIMED_OUT', `The download took too long. ${useAnother}`, { retryable: true }),
      ),
    totalTimeoutMs,
  );
  return { signal: controller.signal, stop: () => clearTimeout(timer) };
}
