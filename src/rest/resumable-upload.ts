import { AsyncLocalStorage } from 'node:async_hooks';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ERRORS, Server as TusServer } from '@tus/server';
import type { RequestHandler } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { credentialsOf } from '../auth/credentials.ts';
import type { CredentialWatch } from '../domain/credential.ts';
import { DomainError } from '../domain/errors.ts';
import { encodeId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import { beginUpload, importUploadedFile } from '../domain/sync/upload.ts';
import { type Authenticate, requireScope, type Viewer } from '../domain/viewer.ts';
import { currentRequestId } from '../request-context.ts';
import { watchWhileOpen } from './credential-guard.ts';
import { bodyOf, refuseEncoded, statuses } from './errors.ts';
import { UploadStore } from './upload-store.ts';

export const RESUMABLE_UPLOAD_PATH = '/sync/upload/resumable';

/**
 * Uploads that go on after a lost connection, by the tus protocol 1.0 (tus.io). The last piece starts the import and
 * its answer names the task: `{ status, message, task_id }`. When a sync of the user runs by then, the answer is a 409,
 * and an empty last PATCH at the end of the file starts the import later.
 */
export function createResumableUpload(
  services: Services,
  authenticate: Authenticate,
  credentials: CredentialWatch,
  options: { maxArchiveBytes: number },
): RequestHandler {
  const directory = services.workspace.uploadsPath;
  const viewers = new AsyncLocalStorage<Viewer | null>();
  const currentViewer = () => viewers.getStore() ?? null;
  const server = new TusServer({
    path: RESUMABLE_UPLOAD_PATH,
    datastore: new UploadStore({ directory }),
    maxSize: options.maxArchiveBytes,
    relativeLocation: true,
    allowedOrigins: () => false,
    // The owner stands in the name, so that nobody can go on with somebody else's upload.
    namingFunction: () => `${currentViewer()?.userId ?? 'nobody'}_${uuidv7()}`,
    async onIncomingRequest(request, uploadId) {
      if (request.method === 'OPTIONS' || request.method === 'POST') return;
      if (!uploadId.startsWith(`${currentViewer()?.userId}_`)) throw ERRORS.FILE_NOT_FOUND;
    },
    onResponseError(_request, error) {
      // The library answers 500 when it meets the remains of an upload, one of its two files.
      if ('code' in error && error.code === 'ENOENT') return ERRORS.FILE_NOT_FOUND;
      // Answered as on other routes: the library would send the message of any error to whoever asks.
      if (error instanceof Error) throw error;
      return undefined;
    },
    async onUploadFinish(_request, upload) {
      const task = await importUploadedFile(services, currentViewer(), {
        path: join(directory, upload.id),
        fileName: upload.metadata?.filename ?? 'upload.zip',
        requestId: currentRequestId(),
      }).catch(inJson);
      if ('status_code' in task) return task;
      // The store's note about the upload, which is none any more.
      await rm(join(directory, `${upload.id}.json`), { force: true });
      const answer = {
        status: task.status,
        message: 'The import is queued.',
        task_id: encodeId('SyncTask', task.id),
      };
      return json(200, answer);
    },
  });
  return async (request, response) => {
    const viewer = await authenticate(credentialsOf(request, request.ip));
    // Here and not in the library's hooks, whose errors are plain text and have no headers.
    if (request.method === 'POST') await beginUpload(services, viewer);
    else if (request.method !== 'OPTIONS') requireScope(viewer, 'write');
    refuseEncoded(request.headers);
    // What has come is kept, and is asked for again after the next sign-in.
    watchWhileOpen(credentials, viewer, response, () => request.destroy());
    await viewers.run(viewer, () => server.handle(request, response));
  };
}

/** The library's own form of an answer. */
const json = (status: number, body: object) => ({
  status_code: status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});

function inJson(error: unknown) {
  if (!(error instanceof DomainError)) throw error;
  return json(statuses[error.code], bodyOf(error));
}
