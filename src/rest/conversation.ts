import { Readable } from 'node:stream';
import { create as contentDisposition } from 'content-disposition';
import { exportConversation } from '../domain/conversation/export.ts';
import { oneExportInput } from '../domain/conversation/export-input.ts';
import { localId } from '../domain/global-id.ts';
import type { Route } from './router.ts';

/** One conversation as a file: `?format=markdown|json|html` and `&path=active|all`. */
export const conversationRoutes: Route[] = [
  {
    method: 'get',
    path: '/conversations/:id/export',
    about: {
      summary: 'One conversation as a file.',
      details: 'Format and path may be written in small letters.',
      scope: 'read',
      query: oneExportInput,
      answer: { mediaTypes: ['text/markdown', 'application/json', 'text/html'] },
    },
    async handle(services, { viewer, params, query }) {
      const id = localId('Conversation', params.id ?? '');
      const input = Object.fromEntries(
        Object.entries(query).map(([name, value]) => [
          name,
          typeof value === 'string' ? value.toUpperCase() : value,
        ]),
      );
      const file = await exportConversation(services, viewer, id, input);
      return {
        stream: Readable.from(file.content, { objectMode: false }),
        headers: {
          'Content-Type': file.mimeType,
          'Content-Disposition': contentDisposition(file.name),
          'Content-Security-Policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'",
          'X-Content-Type-Options': 'nosniff',
          'Cache-Control': 'private, no-store',
        },
      };
    },
  },
];
