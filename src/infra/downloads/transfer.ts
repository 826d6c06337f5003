import { type Agent, type Dispatcher, request } from 'undici';
import { SyncError } from '../../domain/errors.ts';
import type { DownloadProgress, FileVersion } from '../../domain/services.ts';
import { fillsBuffer, giveBack } from '../../own-memory.ts';
import { type Extent, extentOf, lengthOfUnsatisfied } from './extent.ts';
import { notAZip, statusFailure, TransientError, tooLarge, tryLater, useAnother } from './failures.ts';
import type { PartFile } from './part-file.ts';
import { type HostRule, parseRedirect } from './url.ts';
import { header, isSameVersion, otherVersionHeaders, sameVersionHeaders, versionOf } from './version.ts';
import { type PaceLimits, startWatchdog, type Watchdog } from './watchdog.ts';

const maxRedirects = 5;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** One download over all its attempts. */
export interface Transfer {
  url: URL;
  agent: Agent;
  isAllowed: HostRule;
  part: PartFile;
  /** Of what `part` holds; set by every answer that begins the file. */
  version: FileVersion;
  /** Headers that ask for more of that version; null when it has to be begun anew. */
  sameVersion: Record<string, string> | null;
  totalBytes: number | null;
  /** Whether `part` holds all that was announced, of a file whose length nobody has told. */
  mayBeWhole: boolean;
  known: FileVersion | undefined;
  maxBytes: number;
  pace: PaceLimits;
  signal: AbortSignal;
  onProgress: (progress: DownloadProgress) => void;
}

/**
 * Asks once for what is still missing and writes it to the part file. Throws a TransientError when another attempt may
 * go on from there.
 */
export async function attemptTransfer(transfer: Transfer): Promise<'complete' | 'notModified'> {
  const watchdog = startWatchdog(transfer.pace);
  const signal = AbortSignal.any([transfer.signal, watchdog.signal]);
  try {
    const response = await requestFile(transfer, watchdog, signal);
    try {
      return await receive(transfer, response, watchdog);
    } finally {
      discardBody(response);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    watchdog.stop();
  }
}

/** Follows redirects by hand, so that every hop is judged before anything is sent to it. */
async function requestFile(
  transfer: Transfer,
  watchdog: Watchdog,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const headers = { 'user-agent': 'sidecar', 'accept-encoding': 'identity', ...(await conditions(transfer)) };
  let url = transfer.url;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    watchdog.awaitHeaders();
    const response = await request(url, {
      dispatcher: transfer.agent,
      headers,
      signal,
      // The watchdog is stricter: undici's limits start anew with every byte.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const { location } = response.headers;
    if (!redirectStatuses.has(response.statusCode) || typeof location !== 'string') return response;
    discardBody(response);
    url = parseRedirect(url, location, transfer.isAllowed);
  }
  const message = `The server redirects more than ${maxRedirects} times. ${useAnother}`;
  throw new SyncError('TOO_MANY_REDIRECTS', message);
}

/** Headers that ask for the rest of the same version, or for the whole unless it is the known one. RFC 9110, 13.1. */
async function conditions({ part, sameVersion, known }: Transfer): Promise<Record<string, string>> {
  if (part.bytes() > 0 && sameVersion !== null) return { range: `bytes=${part.bytes()}-`, ...sameVersion };
  await part.restart();
  return known ? otherVersionHeaders(known) : {};
}

async function receive(
  transfer: Transfer,
  response: Dispatcher.ResponseData,
  watchdog: Watchdog,
): Promise<'complete' | 'notModified'> {
  const { statusCode: status } = response;
  const { part, maxBytes } = transfer;
  const resuming = part.bytes() > 0;
  if (status === 304 && !resuming && transfer.known) return 'notModified';
  if (resuming && status === 416 && isWhole(transfer, response)) return 'complete';
  if (resuming && (status === 412 || status === 416)) throw await changed(part);
  // From a server that cannot read conditions; without them it answers what is meant.
  if (status === 400 && (resuming || transfer.known)) {
    transfer.known = undefined;
    throw await changed(part);
  }
  if (status !== 200 && status !== 206)
    throw statusFailure(status, header(response, 'retry-after') ?? undefined);

  const encoding = header(response, 'content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    const message = `The server compresses the archive though it was asked not to. ${useAnother}`;
    throw new SyncError('CONTENT_ENCODED', message);
  }
  const extent = extentOf(response);
  if (extent === null || (status === 206 && extent.start !== part.bytes())) throw await wrongRange(part);
  if (status === 206 && resuming) await checkContinues(transfer, response, extent);
  else await begin(transfer, response, extent);
  if (transfer.totalBytes !== null && transfer.totalBytes > maxBytes) throw tooLarge(maxBytes);

  await readBody(transfer, response, watchdog);
  if (extent.end !== null && part.bytes() < extent.end) throw cut();
  if (extent.end !== null && part.bytes() > extent.end) throw await wrongRange(part);
  transfer.mayBeWhole = status === 206 && transfer.totalBytes === null;
  // All that the server wanted to send at once: there is nothing to wait for.
  if (transfer.mayBeWhole || part.bytes() < (transfer.totalBytes ?? 0)) throw cut({ waitMs: 0 });
  if (part.bytes() < zipSignatureBytes) throw notAZip();
  return 'complete';
}

async function readBody(
  transfer: Transfer,
  response: Dispatcher.ResponseData,
  watchdog: Watchdog,
): Promise<void> {
  const { part, maxBytes } = transfer;
  transfer.mayBeWhole = false;
  watchdog.awaitBody();
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    watchdog.received(chunk.length);
    if (part.bytes() + chunk.length > maxBytes) throw tooLarge(maxBytes);
    await part.append(chunk);
    if (!mayBeZip(part.head())) throw notAZip();
    transfer.onProgress({ bytesDone: part.bytes(), bytesTotal: transfer.totalBytes });
    // Of other buffers the client may not have given out all parts yet.
    if (fillsBuffer(chunk)) giveBack(chunk);
  }
}

/** Whether a 416 to a request for more says that there is no more. */
function isWhole({ part, totalBytes, mayBeWhole }: Transfer, response: Dispatcher.ResponseData): boolean {
  const length = lengthOfUnsatisfied(response);
  return length === null ? mayBeWhole : length === part.bytes() && length === (totalBytes ?? length);
}

async function begin(
  transfer: Transfer,
  response: Dispatcher.ResponseData,
  { total }: Extent,
): Promise<void> {
  await transfer.part.restart();
  transfer.version = versionOf(response);
  transfer.sameVersion = sameVersionHeaders(response);
  transfer.totalBytes = total;
}

/** Throws unless a partial answer is of the same version as what the part file holds. */
async function checkContinues(
  transfer: Transfer,
  response: Dispatcher.ResponseData,
  { end, total }: Extent,
): Promise<void> {
  const { part, version, totalBytes } = transfer;
  const isSameTotal = totalBytes === null || (total ?? totalBytes) === totalBytes;
  const isWithin = totalBytes === null || (end ?? 0) <= totalBytes;
  if (!isSameTotal || !isWithin || !isSameVersion(version, versionOf(response))) throw await changed(part);
  transfer.totalBytes = totalBytes ?? total;
}

function cut(options?: { waitMs: number }): TransientError {
  const message = `The server of the export sent only a part of the archive. ${tryLater}`;
  return new TransientError('DOWNLOAD_CUT', message, options);
}

async function wrongRange(part: PartFile): Promise<TransientError> {
  await part.restart();
  const message = `The server sends other parts of the archive than it is asked for. ${useAnother}`;
  return new TransientError('RANGE_WRONG', message, { waitMs: 0 });
}

async function changed(part: PartFile): Promise<TransientError> {
  await part.restart();
  return new TransientError('FILE_CHANGED', 'The archive changed on its server while it was fetched.', {
    waitMs: 0,
  });
}

const zipSignatureBytes = 4;
/** A first entry, the end of an empty zip, or the marker of a zip that was once split. APPNOTE 4.3.7, 4.3.16, 8.5.4. */
const zipSignatures = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];

function mayBeZip(head: Buffer): boolean {
  const text = head.toString('latin1');
  return zipSignatures.some((signature) => signature.startsWith(text));
}

/** Frees the connection; what a body of no interest still says, or fails with, does not matter. */
function discardBody(response: Dispatcher.ResponseData): void {
  response.body.on('error', () => undefined).destroy();
}
