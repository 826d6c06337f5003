import { InvalidInputError, SyncError } from '../../domain/errors.ts';

const putItYourself =
  'An export link lives 24 hours and works only for the account that asked for it: download the zip in your browser ' +
  'and upload it, or put it where this server can fetch it.';
/** What to do where the link's server is at fault. */
export const useAnother =
  'Download the zip in your browser and upload it, or put it on another server and use its link.';
export const tryLater = 'Try again later; if it stays so, download the zip in your browser and upload it.';
const diskCodes = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'EFBIG']);
const networkCalls = new Set(['connect', 'getaddrinfo']);
/** What only files are asked for. Sockets are written to as well. */
const fileCalls = new Set(['open', 'fstat', 'ftruncate', 'fsync', 'close', 'rename']);
const tlsCode = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;

/** A failure after which the same download goes on; `code` and `message` are what stays when it never does. */
export class TransientError extends SyncError {
  /** How long the server asks to be left alone. */
  readonly waitMs: number | null;

  constructor(code: string, message: string, options?: ErrorOptions & { waitMs?: number | null }) {
    super(code, message, { ...options, retryable: true });
    this.waitMs = options?.waitMs ?? null;
  }
}

export function notAZip(): SyncError {
  return new SyncError('NOT_A_ZIP', `The server answered with something that is not a zip. ${putItYourself}`);
}

export function tooLarge(maxBytes: number): SyncError {
  return new SyncError(
    'ARCHIVE_TOO_LARGE',
    `The archive is larger than the ${maxBytes} bytes that MAX_ARCHIVE_BYTES allows.`,
  );
}

/** What a status that brings no archive means. `retryAfter` is the header of that name. */
export function statusFailure(status: number, retryAfter: string | undefined): SyncError {
  if (status === 401 || status === 403 || status === 410) {
    return new SyncError(
      'EXPORT_LINK_EXPIRED',
      `The link has expired or needs a login (${status}). ${putItYourself}`,
    );
  }
  if (status === 404)
    return new SyncError('HTTP_404', `There is no file at this link (404). ${putItYourself}`);
  const isTransient = status === 408 || status === 425 || status === 429 || status >= 500;
  const answer = `The server of the export answered with status ${status}.`;
  if (!isTransient) return new SyncError(`HTTP_${status}`, `${answer} ${putItYourself}`);
  return new TransientError(`HTTP_${status}`, `${answer} ${tryLater}`, {
    waitMs: parseRetryAfter(retryAfter),
  });
}

/** Seconds or a date: RFC 9110, 10.2.3. Null when there is none that can be read. */
function parseRetryAfter(header: string | undefined): number | null {
  if (header === undefined) return null;
  const waitMs = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : null;
}

/** Turns whatever a request or a write threw into a SyncError without URL or path in its message. */
export function toSyncError(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  if (error instanceof InvalidInputError) {
    return new SyncError('REDIRECT_REFUSED', `A redirect of the server cannot be followed. ${error.message}`);
  }
  const { code, syscall } = failedCall(error);
  // A firewall gives EACCES and EPERM, too.
  if (diskCodes.has(code) && !networkCalls.has(syscall)) {
    const message = 'The server has no room for the archive, or may not write to its data folder.';
    return new SyncError('NO_SPACE', message, { cause: error, retryable: true });
  }
  if (code === 'EIO' || fileCalls.has(syscall)) {
    const message = `The server could not write the archive to its disk (${code}). Its operator has to see to that; then retry.`;
    return new SyncError('DISK_FAILED', message, { cause: error, retryable: true });
  }
  if (tlsCode.test(code)) {
    const message = `The server's certificate cannot be trusted. ${useAnother}`;
    return new SyncError('TLS_FAILED', message, { cause: error });
  }
  const message = `The connection to the server of the export failed. Check the link's host. ${tryLater}`;
  return new TransientError('DOWNLOAD_FAILED', message, { cause: error });
}

/** What the system says of a failure; '' where it says nothing. */
function failedCall(error: unknown): { code: string; syscall: string } {
  // Of all addresses of a name: with the code of the first, and without a call.
  const reason: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code = '', syscall = '' } = (reason ?? {}) as NodeJS.ErrnoException;
  return { code: String(code), syscall };
}
