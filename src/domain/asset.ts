import { validate as isUuid, NIL } from 'uuid';
import type { Asset, Prisma } from '../generated/prisma/client.ts';
import { keepContents, removeContents } from './contents.ts';
import { emptyTally } from './import/batch.ts';
import { batchedLists, MAX_LISTED, type RowBudget } from './row-budget.ts';
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

/** Something that points to files. */
interface Pointer {
  conversationId: string;
  nodeId: string;
}

type AssetRow = Omit<Asset, 'userId' | 'sizeBytes'> & {
  /** Of what points to it among what was asked for, from 0. */
  position: number;
  sizeBytes: string | null;
};

/** The first 100 files that a message points to, each once and in order of appearance. Spends them of `budget`. */
export async function listMessageAssets(
  services: Services,
  viewer: Viewer | null,
  { conversationId, nodeId }: Pointer,
  budget: RowBudget,
): Promise<Asset[]> {
  requireScope(viewer, 'read');
  return readOfMessage(services, viewer, budget, { conversationId, nodeId });
}

/** The same for a whole conversation. */
export async function listConversationAssets(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  budget: RowBudget,
): Promise<Asset[]> {
  requireScope(viewer, 'read');
  return readOfConversation(services, viewer, budget, conversationId);
}

const nameOf = ({ conversationId, nodeId }: Pointer) => `${conversationId}/${nodeId}`;

const readOfMessage = batchedLists<Pointer, Asset>(nameOf, async (services, viewer, asked) =>
  readLinked(services, viewer, asked.map(nameOf), {
    asked: 'unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS asked (conversation_id, node_id, position)',
    condition: 'l.node_id = asked.node_id',
    values: [asked.map(({ conversationId }) => conversationId), asked.map(({ nodeId }) => nodeId)],
  }),
);

const readOfConversation = batchedLists<string, Asset>(
  (id) => id,
  async (services, viewer, ids) =>
    readLinked(services, viewer, ids, {
      asked: 'unnest($2::uuid[]) WITH ORDINALITY AS asked (conversation_id, position)',
      condition: 'true',
      values: [ids],
    }),
);

async function readLinked(
  services: Services,
  viewer: Viewer,
  names: string[],
  { asked, condition, values }: { asked: string; condition: string; values: unknown[] },
): Promise<Map<string, Asset[]>> {
  const rows = await services.database.query<AssetRow>(
    `SELECT asked.position::int - 1 AS position, a.id, a.provider, a.external_id AS "externalId",
       a.conversation_external_id AS "conversationExternalId", a.name, a.mime_type AS "mimeType",
       a.size_bytes::text AS "sizeBytes", a.sha256, a.task_id AS "taskId"
     FROM ${asked}, LATERAL (
       SELECT l.asset_id, min(ARRAY[m.ordinal, l.ordinal]) AS place
       FROM message_assets l JOIN messages m USING (user_id, conversation_id, node_id)
       WHERE l.user_id = $1 AND l.conversation_id = asked.conversation_id AND ${condition}
       GROUP BY l.asset_id ORDER BY place, l.asset_id LIMIT ${MAX_LISTED}
     ) linked JOIN assets a ON a.id = linked.asset_id
     WHERE a.user_id = $1 ORDER BY asked.position, linked.place, a.id`,
    [viewer.userId, ...values],
  );
  const lists = names.map((): Asset[] => []);
  for (const { position, sizeBytes, ...row } of rows) {
    const size = sizeBytes === null ? null : BigInt(sizeBytes);
    lists[position]?.push({ ...row, userId: viewer.userId, sizeBytes: size });
  }
  return new Map(names.map((name, index) => [name, lists[index] ?? []]));
}

export interface MissingAsset {
  id: string;
  provider: string;
  externalId: string;
  conversationExternalId: string;
  /** What messages call it. */
  name: string | null;
}

/** Assets of a user whose content no export has held so far, in pages: pass the last id of the page before. */
export async function listMissingAssets(
  services: Services,
  userId: string,
  afterId: string | null,
  limit: number,
): Promise<MissingAsset[]> {
  return services.database.query<MissingAsset>(
    `SELECT id, provider, external_id AS "externalId", conversation_external_id AS "conversationExternalId", name
     FROM assets WHERE user_id = $1 AND sha256 IS NULL AND id > $2 ORDER BY id LIMIT $3`,
    [userId, afterId ?? NIL, limit],
  );
}

/** An asset whose content was put into the file store. */
export interface StoredAsset extends StoredFile {
  id: string;
  name: string | null;
  mimeType: string;
}

/**
 * Makes stored assets known, and counts them for the task. Answers its new seq, and which assets have to be stored again:
 * those whose content somebody has removed meanwhile, who found no name for it yet. The content of one that is gone by
 * now, with its conversation, goes as well. Throws a LeaseLostError.
 */
export async function markAssetsStored(
  services: Services,
  lease: Lease,
  stored: StoredAsset[],
): Promise<{ seq: number; lost: Set<string> }> {
  const { seq, lost, orphans } = await services.database.transaction(async (tx) => {
    await keepContents(tx, lease.userId);
    // Before the task's row is locked, for which a cancel would wait as long as the store takes.
    const there = await Promise.all(stored.map(({ sha256 }) => services.files.has(lease.userId, sha256)));
    await lockTask(tx, lease);
    const assets = stored.filter((_asset, index) => there[index]);
    const lost = new Set(stored.filter((_asset, index) => !there[index]).map(({ id }) => id));
    const rows = await tx.query<{ id: string }>(
      `UPDATE assets a SET sha256 = s.sha256, size_bytes = s.size_bytes, task_id = $2,
         name = coalesce(a.name, s.name), mime_type = coalesce(nullif(a.mime_type, ''), s.mime_type)
       FROM unnest($3::uuid[], $4::bytea[], $5::int8[], $6::text[], $7::text[])
         AS s (id, sha256, size_bytes, name, mime_type)
       WHERE a.user_id = $1 AND a.id = s.id AND a.sha256 IS NULL
       RETURNING a.id`,
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
    const seq = await writeTask(tx, lease, { tally: { ...emptyTally(), assetsAdded: rows.length } });
    const marked = new Set(rows.map(({ id }) => id));
    const orphans = assets.filter(({ id }) => !marked.has(id)).map(({ sha256 }) => sha256);
    return { seq, lost, orphans };
  });
  await removeContents(services, lease.userId, orphans);
  return { seq, lost };
}
