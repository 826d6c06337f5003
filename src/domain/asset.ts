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
  const rows = await services.database.query<Omit<Asset, 'sizeBytes'> & { sizeBytes: string | null }>(
    `SELECT a.user_id AS "userId", a.id, a.provider, a.external_id AS "externalId",
       a.conversation_external_id AS "conversationExternalId", a.name, a.mime_type AS "mimeType",
       a.size_bytes::text AS "sizeBytes", a.sha256, a.task_id AS "taskId"
     FROM assets a JOIN (
       SELECT l.asset_id, min(ARRAY[m.ordinal, l.ordinal]) AS place
       FROM message_assets l JOIN messages m USING (user_id, conversation_id, node_id)
       WHERE l.user_id = $1 AND l.conversation_id = $2 AND ($3::text IS NULL OR l.node_id = $3)
       GROUP BY l.asset_id
     ) linked ON linked.asset_id = a.id
     WHERE a.user_id = $1 ORDER BY linked.place, a.id`,
    [viewer.userId, conversationId, nodeId ?? null],
  );
  return rows.map((row) => ({ ...row, sizeBytes: row.sizeBytes === null ? null : BigInt(row.sizeBytes) }));
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

/** An asset whose content the file store now holds. */
export interface StoredAsset extends StoredFile {
  id: string;
  name: string | null;
  mimeType: string;
}

/** Makes stored assets known, and counts them for the task. Answers its new seq. Throws a LeaseLostError. */
export async function markAssetsStored(
  services: Services,
  lease: Lease,
  assets: StoredAsset[],
): Promise<number> {
  return services.database.transaction(async (tx) => {
    await lockTask(tx, lease);
    const stored = await tx.execute(
      `UPDATE assets a SET sha256 = s.sha256, size_bytes = s.size_bytes, task_id = $2,
         name = coalesce(a.name, s.name), mime_type = coalesce(nullif(a.mime_type, ''), s.mime_type)
       FROM unnest($3::uuid[], $4::bytea[], $5::int8[], $6::text[], $7::text[])
         AS s (id, sha256, size_bytes, name, mime_type)
       WHERE a.user_id = $1 AND a.id = s.id AND a.sha256 IS NULL`,
      [
        lease.userId,
        lease.taskId,
        assets.map((asset) => asset.id),
        assets.map((asset) => asset.sha256),
        assets.map((asset) => asset.sizeBytes),
        assets.map((asset) => asset.name),
        assets.map((asset) => asset.mimeType),
      ],
    );
    return writeTask(tx, lease, { tally: { ...emptyTally(), assetsAdded: stored } });
  });
}
