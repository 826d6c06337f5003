import { create as contentDisposition } from 'content-disposition';
import parseRange from 'range-parser';
import { getAsset } from '../domain/asset.ts';
import { NotFoundError } from '../domain/errors.ts';
import { localId } from '../domain/global-id.ts';
import type { Route } from './router.ts';

/** What a browser may show in place; everything else, and above all HTML and SVG, is only ever downloaded. */
const INLINE =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp)|audio\/[\w.+-]+|video\/[\w.+-]+|text\/plain|application\/pdf)$/;

export const assetRoutes: Route[] = [
  {
    method: 'get',
    path: '/assets/:id',
    async handle(services, { viewer, params, headers }) {
      const asset = await getAsset(services, viewer, localId('Asset', params.id ?? ''));
      if (!asset?.sha256) throw new NotFoundError('asset');
      const size = Number(asset.sizeBytes);
      const type = asset.mimeType ?? '';
      const inline = INLINE.test(type);
      const shared = {
        'Content-Type': inline ? type : 'application/octet-stream',
        'Content-Disposition': contentDisposition(asset.name ?? asset.externalId, {
          type: inline ? 'inline' : 'attachment',
        }),
        // An attachment is somebody's file: it must not run, frame or fetch anything.
        'Content-Security-Policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        'X-Content-Type-Options': 'nosniff',
        'Cross-Origin-Resource-Policy': 'same-origin',
        'Cache-Control': 'private, max-age=31536000, immutable',
        'Accept-Ranges': 'bytes',
        ETag: `"${Buffer.from(asset.sha256).toString('hex')}"`,
      };
      const ranges = headers.range ? parseRange(size, headers.range) : -2;
      const [range] = Array.isArray(ranges) && ranges.type === 'bytes' && ranges.length === 1 ? ranges : [];
      if (ranges === -1) {
        return {
          status: 416,
          headers: { 'Content-Range': `bytes */${size}` },
          body: { detail: `The range is outside of the ${size} bytes of this asset.` },
        };
      }
      return {
        status: range ? 206 : 200,
        stream: await services.files.read(asset.userId, asset.sha256, range),
        headers: {
          ...shared,
          'Content-Length': range ? range.end - range.start + 1 : size,
          ...(range ? { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` } : {}),
        },
      };
    },
  },
];
