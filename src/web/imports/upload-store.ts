import { useSyncExternalStore } from 'react';
import * as tus from 'tus-js-client';
import { texts } from '../texts/index.ts';
import { answerOtherTabs, sentByOtherTabs } from './other-tabs.ts';
import { offsetOf, startImport } from './tus-requests.ts';

const ENDPOINT = '/sync/upload/resumable';
const RETRY_DELAYS_MS = [500, 1_000, 2_000, 5_000, 10_000];
/** What a proxy takes in one request; small enough that a lost one is sent again quickly. */
const CHUNK_BYTES = 32 * 1024 * 1024;
/** The server still holds the request that was cut. */
const LOCKED = 423;
const CONFLICT = 409;
const NO_SPACE = 507;

export type UploadState =
  | { step: 'idle' }
  | { step: 'sending'; name: string; done: number; total: number; waiting: boolean }
  /**
   * Stopped here or for a `reason`, which leaves the file at hand, or by a reload: then the same file has to be chosen
   * again.
   */
  | { step: 'stopped'; name: string; done: number; total: number; file: File | null; reason?: string }
  /** Another import of this user runs. Either all bytes are there, or the file waits here to be sent. */
  | { step: 'busy'; name: string; waiting: { url: string; total: number } | File }
  | { step: 'failed'; name: string; reason: string };

let state: UploadState = { step: 'idle' };
let current: tus.Upload | null = null;
let isFinishing = false;
const listeners = new Set<() => void>();

function set(next: UploadState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** The upload of this tab; it goes on while one looks at other pages. */
export const useUpload = (): UploadState =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );

const storage = tus.defaultOptions.urlStorage;

const uploadsLeft = async () =>
  (await storage.findAllUploads()).toSorted((a, b) => b.creationTime.localeCompare(a.creationTime));

/** Finds what an earlier visit left unfinished, as far as the server still has it and no other tab is sending it. */
export async function findStoppedUpload(): Promise<void> {
  answerOtherTabs(() => current?.url ?? null);
  if (state.step !== 'idle') return;
  const left = await uploadsLeft();
  const elsewhere = left.length > 0 ? await sentByOtherTabs() : new Set();
  for (const { uploadUrl, metadata, size } of left) {
    if (elsewhere.has(uploadUrl)) continue;
    const done = uploadUrl ? await offsetOf(uploadUrl) : null;
    if (!uploadUrl || done === null || size === null) continue;
    // Meanwhile somebody may have chosen a file.
    if (state.step !== 'idle') return;
    const name = metadata.filename ?? '';
    if (done < size) return set({ step: 'stopped', name, done, total: size, file: null });
    return finish(name, uploadUrl, size);
  }
}

/** Sends a file, from where an earlier attempt with the same file stopped. Its import starts when it is whole. */
export async function uploadFile(file: File): Promise<void> {
  const { name, size: total } = file;
  if (state.step === 'sending') return;
  const sending = (done: number, waiting: boolean) => set({ step: 'sending', name, done, total, waiting });
  // At once, so that a second click sends nothing twice.
  sending(state.step === 'stopped' ? state.done : 0, false);
  if (!(await beginsAsZip(file))) {
    return set({ step: 'failed', name, reason: texts.imports.upload.notZip });
  }
  const wait = () => sending(state.step === 'sending' ? state.done : 0, true);
  const upload = new tus.Upload(file, {
    endpoint: ENDPOINT,
    chunkSize: CHUNK_BYTES,
    retryDelays: RETRY_DELAYS_MS,
    metadata: { filename: name },
    onShouldRetry(error) {
      const isWorth = isPassing(error.originalResponse);
      if (isWorth) wait();
      return isWorth;
    },
    onProgress: (done) => sending(done, false),
    onSuccess({ lastResponse }) {
      current = null;
      // What was found whole had no last piece, which is what starts the import.
      if (lastResponse.getBody() === '') return void finish(name, upload.url ?? '', total);
      void forget(upload.url);
      set({ step: 'idle' });
    },
    onError(error) {
      const response = error instanceof tus.DetailedError ? error.originalResponse : null;
      if (isPassing(response)) {
        // The server is away for longer than the library tries.
        wait();
        return void setTimeout(() => current === upload && upload.start(), RETRY_DELAYS_MS.at(-1));
      }
      current = null;
      if (response?.getStatus() === NO_SPACE) return void stopForSpace(file, upload.url);
      if (isRunning(response)) {
        return set({ step: 'busy', name, waiting: upload.url ? { url: upload.url, total } : file });
      }
      set({ step: 'failed', name, reason: detailOf(response?.getBody() ?? '') });
    },
  });
  const [previous] = await upload.findPreviousUploads();
  if (previous?.uploadUrl && (await sentByOtherTabs()).has(previous.uploadUrl)) {
    return set({ step: 'failed', name, reason: texts.imports.upload.otherTab });
  }
  current = upload;
  if (previous) upload.resumeFromPreviousUpload(previous);
  upload.start();
}

/** What came before the disk was full is kept there; how much of the last piece that is, the server alone knows. */
async function stopForSpace(file: File, url: string | null): Promise<void> {
  const done = url ? await offsetOf(url) : 0;
  const reason = texts.imports.upload.noSpace;
  set({ step: 'stopped', name: file.name, done: done ?? 0, total: file.size, file, reason });
}

/** As every zip does; the server looks closer. A folder cannot be read at all. */
async function beginsAsZip(file: File): Promise<boolean> {
  const begins = await file
    .slice(0, 2)
    .arrayBuffer()
    .catch(() => null);
  const [first, second] = new Uint8Array(begins ?? []);
  return first === 0x50 && second === 0x4b;
}

/** Whether the same request may work in a while. */
function isPassing(response: tus.HttpResponse | null): boolean {
  const status = response?.getStatus() ?? 0;
  // The protocol's own conflict: what was sent before the connection was lost arrived after all.
  const isBehind = status === CONFLICT && !isRunning(response);
  const isAway = status === 0 || (status >= 500 && status !== NO_SPACE);
  return isAway || status === LOCKED || isBehind;
}

/** Whether another import runs, which the API says as JSON. */
const isRunning = (response: tus.HttpResponse | null): boolean =>
  response?.getStatus() === CONFLICT && (response.getHeader('Content-Type') ?? '').includes('json');

/** Sends or imports a file that waited for another import to end. */
export async function finishUpload(): Promise<void> {
  if (state.step !== 'busy') return;
  const { name, waiting } = state;
  if (waiting instanceof File) return uploadFile(waiting);
  await finish(name, waiting.url, waiting.total);
}

async function finish(name: string, url: string, total: number): Promise<void> {
  // A second click would find that an import is running: its own.
  if (isFinishing) return;
  isFinishing = true;
  const response = await startImport(url, total).finally(() => {
    isFinishing = false;
  });
  if (!response || response.status >= 500 || response.status === CONFLICT || response.status === LOCKED) {
    return set({ step: 'busy', name, waiting: { url, total } });
  }
  await forget(url);
  if (response.ok) return set({ step: 'idle' });
  set({ step: 'failed', name, reason: detailOf(await response.text()) });
}

/** Stops sending; what is there stays for a while. */
export async function stopUpload(): Promise<void> {
  const upload = current;
  current = null;
  if (!upload || state.step !== 'sending') return;
  const { name, done, total } = state;
  set({ step: 'stopped', name, done, total, file: upload.file as File });
  await upload.abort();
}

/** Forgets what is unfinished, and has the server remove it. */
export async function forgetUpload(): Promise<void> {
  current = null;
  set({ step: 'idle' });
  for (const { uploadUrl } of await uploadsLeft()) {
    await forget(uploadUrl);
    if (uploadUrl) await tus.Upload.terminate(uploadUrl).catch(() => undefined);
  }
}

async function forget(url: string | null): Promise<void> {
  for (const { uploadUrl, urlStorageKey } of await storage.findAllUploads()) {
    if (uploadUrl === url) await storage.removeUpload(urlStorageKey);
  }
}

function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
  } catch {
    // Not JSON: the library's own words on the server are for programs.
  }
  return texts.imports.upload.failed;
}
