import { create as contentDisposition } from 'content-disposition';
import { getAsset } from '../domain/asset.ts';
import { NotFoundError } from '../domain/errors.ts';
import { localId } from '../domain/global-id.ts';
import { answerFile } from './file.ts';
import type { Route } from './router.ts';

/** What a browser may show in place; everything else, and above all HTML and SVG, is only ever downloaded. */
const INLINE =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp)|audio\/[\w.+-]+|video\/[\w.+-]+|text\/plain|application\/pdf)$/;

export const assetRoutes: Route[] = [
  {
    method: 'get',
    path: '/assets/:id',
    about: {
      summary: 'An attachment.',
      details:
        'Under its own media type when a browser may show it, else as a download. One range at a time may be asked for, with If-Range to go on with the same bytes alone. Ask with If-None-Match before you use a copy: 304 says that it is still right.',
      scope: 'read',
      answer: {
        mediaTypes: [
          'application/octet-stream',
          'image/*',
          'audio/*',
          'video/*',
          'text/plain',
          'application/pdf',
        ],
      },
    },
    async handle(services, { viewer, params, headers }) {
      const asset = await getAsset(services, viewer, localId('Asset', params.id ?? ''));
      if (!asset?.sha256) throw new NotFoundError('asset');
      const size = Number(asset.sizeBytes);
      const type = asset.mimeType ?? '';
      const inline = INLINE.test(type);
      return answerFile(services, { userId: asset.userId, sha256: asset.sha256, sizeBytes: size }, headers, {
        'Content-Type': inline ? type : 'application/octet-stream',
        'Content-Disposition': contentDisposition(asset.name ?? asset.externalId, {
          type: inline ? 'inline' : 'attachment',
        }),
        // An attachment is somebody's file: it must not run, frame or fetch anything.
        'Content-Security-Policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        'Cross-Origin-Resource-Policy': 'same-origin',
        // After an undo, a later import may bring other bytes for the same id.
        'Cache-Control': 'private, no-cache',
      });
    },
  },
];
