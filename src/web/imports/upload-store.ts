import { useSyncExternalStore } from 'react';
import * as tus from 'tus-js-client';
import { texts } from '../texts/index.ts';

const ENDPOINT = '/sync/upload/resumable';
const RETRY_DELAYS_MS = [500, 1_000, 2_000, 5_000, 10_000];
/** What a proxy takes in one request; small enough that a lost one is sent again quickly. */
const CHUNK_BYTES = 32 * 1024 * 1024;

export type UploadState =
  | { step: 'idle' }
  | { step: 'sending'; name: string; done: number; total: number; waiting: boolean }
  /** Stopped here or by a reload; the same file goes on from there. */
  | { step: 'stopped'; name: string; done: number | null; total: number }
  /** All bytes are there, but another import of this user still runs. */
  | { step: 'busy'; name: string }
  | { step: 'failed'; name: string; reason: string };

let state: UploadState = { step: 'idle' };
let current: tus.Upload | null = null;
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

/** Finds what an earlier visit left unfinished. */
export async function findStoppedUpload(): Promise<void> {
  if (state.step !== 'idle') return;
  const [left] = await uploadsLeft();
  if (left && state.step === 'idle') {
    set({ step: 'stopped', name: left.metadata.filename ?? '', done: null, total: left.size ?? 0 });
  }
}

const uploadsLeft = async () =>
  (await tus.defaultOptions.urlStorage.findAllUploads()).toSorted((a, b) =>
    b.creationTime.localeCompare(a.creationTime),
  );

/** Sends a file, from where an earlier attempt with the same file stopped. Its import starts when it is whole. */
export async function uploadFile(file: File): Promise<void> {
  const begins = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  // As every zip does; the server looks closer.
  if (begins[0] !== 0x50 || begins[1] !== 0x4b) {
    return set({ step: 'failed', name: file.name, reason: texts.imports.upload.notZip });
  }
  const sending = (done: number, waiting: boolean) =>
    set({ step: 'sending', name: file.name, done, total: file.size, waiting });
  const upload = new tus.Upload(file, {
    endpoint: ENDPOINT,
    chunkSize: CHUNK_BYTES,
    retryDelays: RETRY_DELAYS_MS,
    metadata: { filename: file.name },
    removeFingerprintOnSuccess: true,
    onShouldRetry(error) {
      const status = error.originalResponse?.getStatus() ?? 0;
      if (status !== 0 && status < 500) return false;
      if (state.step === 'sending') sending(state.done, true);
      return true;
    },
    onProgress: (done) => sending(done, false),
    onSuccess() {
      current = null;
      set({ step: 'idle' });
    },
    onError(error) {
      const response = error instanceof tus.DetailedError ? error.originalResponse : null;
      if (response?.getStatus() === 409) return set({ step: 'busy', name: file.name });
      // The server is away for longer than was tried: the same upload begins anew when the browser says it is back.
      if (!response || response.getStatus() >= 500) {
        sending(state.step === 'sending' ? state.done : 0, true);
        return void setTimeout(() => current === upload && upload.start(), RETRY_DELAYS_MS.at(-1));
      }
      set({ step: 'failed', name: file.name, reason: detailOf(response.getBody()) });
    },
  });
  current = upload;
  const [previous] = await upload.findPreviousUploads();
  if (previous) upload.resumeFromPreviousUpload(previous);
  sending(0, false);
  upload.start();
}

/** Starts the import of a file that waited for another one to end. */
export function finishUpload(): void {
  current?.start();
}

/** Stops sending; what is there stays for a while. */
export async function stopUpload(): Promise<void> {
  const upload = current;
  current = null;
  if (state.step !== 'sending') return set({ step: 'idle' });
  const { name, done, total } = state;
  set({ step: 'stopped', name, done, total });
  await upload?.abort();
}

/** Forgets what is unfinished, and has the server remove it. */
export async function forgetUpload(): Promise<void> {
  current = null;
  set({ step: 'idle' });
  for (const { uploadUrl, urlStorageKey } of await uploadsLeft()) {
    await tus.defaultOptions.urlStorage.removeUpload(urlStorageKey);
    if (uploadUrl) await tus.Upload.terminate(uploadUrl).catch(() => undefined);
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
