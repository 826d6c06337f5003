import { AsyncLocalStorage } from 'node:async_hooks';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server as TusServer } from '@tus/server';
import type { RequestHandler } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { credentialsOf } from '../auth/credentials.ts';
import { DomainError } from '../domain/errors.ts';
import { encodeId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import { beginUpload, importUploadedFile } from '../domain/sync/upload.ts';
import type { Authenticate, Viewer } from '../domain/viewer.ts';
import { currentRequestId } from '../request-context.ts';
import { statuses } from './errors.ts';

export const RESUMABLE_UPLOAD_PATH = '/sync/upload/resumable';

/**
 * Uploads that go on after a lost connection, by the tus protocol 1.0 (tus.io). The last piece starts the import and
 * its answer names the task: `{ status, message, task_id }`. When a sync of the user runs by then, the answer is a 409,
 * and an empty last PATCH at the end of the file starts the import later.
 */
export function createResumableUpload(
  services: Services,
  authenticate: Authenticate,
  options: { maxArchiveBytes: number },
): RequestHandler {
  const directory = services.workspace.uploadsPath;
  const viewers = new AsyncLocalStorage<Viewer | null>();
  const currentViewer = () => viewers.getStore() ?? null;
  const server = new TusServer({
    path: RESUMABLE_UPLOAD_PATH,
    datastore: new FileStore({ directory }),
    maxSize: options.maxArchiveBytes,
    relativeLocation: true,
    allowedOrigins: () => false,
    // The owner stands in the name, so that nobody can go on with somebody else's upload.
    namingFunction: () => `${currentViewer()?.userId ?? 'nobody'}_${uuidv7()}`,
    async onIncomingRequest(request, uploadId) {
      const viewer = currentViewer();
      if (request.method === 'OPTIONS') return;
      if (!viewer) throw { status_code: 401, body: 'Send an API key in the X-API-Key header.\n' };
      if (request.method !== 'POST' && !uploadId.startsWith(`${viewer.userId}_`)) {
        throw { status_code: 404, body: 'No such upload.\n' };
      }
    },
    async onUploadCreate(_request, upload) {
      await beginUpload(services, currentViewer()).catch(refuse);
      return { metadata: upload.metadata };
    },
    async onUploadFinish(_request, upload) {
      const task = await importUploadedFile(services, currentViewer(), {
        path: join(directory, upload.id),
        fileName: upload.metadata?.filename ?? 'upload.zip',
        requestId: currentRequestId(),
      }).catch(refuse);
      // The store's note about the upload, which is none any more.
      await rm(join(directory, `${upload.id}.json`), { force: true });
      const answer = {
        status: task.status,
        message: 'The import is queued.',
        task_id: encodeId('SyncTask', task.id),
      };
      return {
        status_code: 200,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(answer),
      };
    },
  });
  return async (request, response) => {
    const viewer = await authenticate(credentialsOf(request, request.ip));
    await viewers.run(viewer, () => server.handle(request, response));
  };
}

/** The library's own form of an error. */
function refuse(error: unknown): never {
  if (!(error instanceof DomainError)) throw error;
  throw { status_code: statuses[error.code], body: JSON.stringify({ detail: error.message }) };
}
