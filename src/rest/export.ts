import { create as contentDisposition } from 'content-disposition';
import { getMadeFile } from '../domain/background/file.ts';
import { localId } from '../domain/global-id.ts';
import { answerFile } from './file.ts';
import type { Route } from './router.ts';

/** Files that tasks made, for their users alone and never from a cache. */
export const exportRoutes: Route[] = [
  {
    method: 'get',
    path: '/exports/:id',
    about: {
      summary: 'A file that a task made.',
      details: 'The id is that of the task. Files expire after a week. One range at a time may be asked for.',
      scope: 'read',
      answer: { mediaTypes: ['application/zip'] },
    },
    async handle(services, { viewer, params, headers }) {
      const file = await getMadeFile(services, viewer, localId('BackgroundTask', params.id ?? ''));
      return answerFile(services, file, headers, {
        'Content-Type': 'application/zip',
        'Content-Disposition': contentDisposition(file.name),
        'Cache-Control': 'private, no-store',
      });
    },
  },
];
