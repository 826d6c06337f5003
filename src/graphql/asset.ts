import { assetKey } from '../domain/asset.ts';
import { encodeId } from '../domain/global-id.ts';
import { builder } from './builder.ts';

builder.prismaNode('Asset', {
  description: 'A file that messages point to: an image, a recording, an attachment.',
  nullable: true,
  id: { resolve: (asset) => asset.id, description: 'Global id.' },
  findUnique: (id, { viewer }) => assetKey(viewer, id),
  fields: (t) => ({
    externalId: t.exposeString('externalId', { description: 'The provider’s own id.' }),
    name: t.exposeString('name', { nullable: true, description: 'What people called it.' }),
    mimeType: t.exposeString('mimeType', { nullable: true, description: 'What it seems to be.' }),
    sizeBytes: t.float({
      nullable: true,
      description: 'Its size, or what the export said of it while it is missing.',
      resolve: (asset) => (asset.sizeBytes === null ? null : Number(asset.sizeBytes)),
    }),
    sha256: t.string({
      nullable: true,
      description: 'Of its content, in hexadecimal; null while it is missing.',
      resolve: (asset) => (asset.sha256 === null ? null : Buffer.from(asset.sha256).toString('hex')),
    }),
    url: t.string({
      nullable: true,
      description: 'Where its owner can fetch it; null while it is missing.',
      resolve: (asset) => (asset.sha256 === null ? null : `/assets/${encodeId('Asset', asset.id)}`),
    }),
    missing: t.boolean({
      description: 'Whether no export has held its content so far.',
      resolve: (asset) => asset.sha256 === null,
    }),
  }),
});
