import { validate as isUuid, NIL } from 'uuid';
import type { Asset, Prisma } from '../generated/prisma/client.ts';
import { emptyTally } from './import/batch.ts';
import type { Services, StoredFile } from './services.ts';
import { type Lease, lockTask, writeTask } from './sync/lease.ts';
import { requireScope, type Viewer } from './viewer.ts';

/** Null when there is none or it is somebody else's. */
export async function getAsset(services: Services, viewer: Viewer | null, id: string): Promise<Asset | null> {
  requireScope(viewer, 'read');
  if (!isUuid(id)) return null;
  return services.prisma.asset.findUnique({ where: assetKey(viewer, id) });
}

/** The key under which a viewer's own asset would stand; names no row when it is somebody else's. */
export function assetKey(viewer: Viewer | null, id: string): Prisma.AssetWhereUniqueInput {
  requireScope(viewer, 'read');
  return { userId_id: { userId: viewer.userId, id: isUuid(id) ? id : NIL } };
}

/** What a message, or a whole conversation, points to, each file once and in order of appearance. */
export async function listAssets(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  nodeId?: string,
): Promise<Asset[]> {
  requireScope(viewer, 'read');
  const { userId } = viewer;
  const links = await services.prisma.messageAsset.findMany({
    where: { userId, conversationId, ...(nodeId === undefined ? {} : { nodeId }) },
    orderBy: [{ nodeId: 'asc' }, { ordinal: 'asc' }],
    select: { assetId: true },
  });
  const ids = [...new Set(links.map((link) => link.assetId))];
  const assets = await services.prisma.asset.findMany({ where: { userId, id: { in: ids } } });
  const byId = new Map(assets.map((asset) => [asset.id, asset]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

export interface MissingAsset {
  id: string;
  provider: string;
  externalId: string;
  conversationExternalId: string;
}

/** Assets of a user whose content no export has held so far, in pages: pass the last id of the page before. */
export async function listMissingAssets(
  services: Services,
  userId: string,
  afterId: string | null,
  limit: number,
): Promise<MissingAsset[]> {
  return services.database.query<MissingAsset>(
    `SELECT id, provider, external_id AS "externalId", conversation_external_id AS "conversationExternalId"
     FROM assets WHERE user_id = $1 AND sha256 IS NULL AND id > $2 ORDER BY id LIMIT $3`,
    [userId, afterId ?? NIL, limit],
  );
}

/** Says that the file store now holds an asset, and counts it for the task. Throws a LeaseLostError. */
export async function markAssetStored(
  services: Services,
  lease: Lease,
  asset: { id: string; name: string | null; mimeType: string } & StoredFile,
): Promise<number> {
  return services.database.transaction(async (tx) => {
    await lockTask(tx, lease);
    const stored = await tx.execute(
      `UPDATE assets SET sha256 = $3, size_bytes = $4, task_id = $5, name = coalesce(name, $6),
         mime_type = coalesce(nullif(mime_type, ''), $7)
       WHERE user_id = $1 AND id = $2 AND sha256 IS NULL`,
      [lease.userId, asset.id, asset.sha256, asset.sizeBytes, lease.taskId, asset.name, asset.mimeType],
    );
    return writeTask(tx, lease, { tally: { ...emptyTally(), assetsAdded: stored } });
  });
}
