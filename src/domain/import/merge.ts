import type { ArchiveConversation, ArchiveMessage, VersionHead } from '../../archive/types.ts';
import type { Services, Transaction } from '../services.ts';
import { type AssetLink, linksOf, upsertAssets } from './asset-rows.ts';
import { createRowBatch } from './rows.ts';
import { findStored, type StoredConversation, updateHeads } from './stored.ts';
import { mergeStored, noteCovered } from './versions.ts';

export interface Merged {
  /** Whether any row of the conversation had to be written. */
  changed: boolean;
  messagesAdded: number;
}

/** Bounds what is in memory at once; a longer conversation is merged alone. */
const CHUNK_MESSAGES = 5_000;

/**
 * Makes known conversations the merge of all forms in which exports have shown them, and writes only the rows that
 * differ. Their new versions must already stand in conversation_versions; those that are known to add nothing are read
 * only with `readAll`. Reads however much there is: whoever adds versions bounds it before. Answers by conversation.
 */
export async function mergeAllIntoExisting(
  services: Services,
  tx: Transaction,
  userId: string,
  conversationIds: string[],
  options: { readAll?: boolean } = {},
): Promise<Map<string, Merged>> {
  const merged = new Map<string, Merged>();
  for (const chunk of await lockInChunks(tx, userId, conversationIds)) {
    for (const [id, result] of await mergeChunk(services, tx, userId, chunk, options)) merged.set(id, result);
  }
  return merged;
}

/** Locked first, so that an indexer is through with the messages before they change. */
async function lockInChunks(tx: Transaction, userId: string, ids: string[]): Promise<string[][]> {
  if (ids.length === 0) return [];
  const rows = await tx.query<{ id: string; messages: number }>(
    `SELECT id, message_count AS messages FROM conversations WHERE user_id = $1 AND id = ANY($2::uuid[])
     ORDER BY id FOR NO KEY UPDATE`,
    [userId, ids],
  );
  const chunks: string[][] = [];
  let room = 0;
  for (const { id, messages } of rows) {
    const last = chunks.at(-1);
    if (last && messages <= room) last.push(id);
    else {
      chunks.push([id]);
      room = CHUNK_MESSAGES;
    }
    room -= messages;
  }
  return chunks;
}

async function mergeChunk(
  services: Services,
  tx: Transaction,
  userId: string,
  ids: string[],
  options: { readAll?: boolean },
): Promise<Map<string, Merged>> {
  const stored = await findStored(tx, userId, ids);
  const merged = new Map<string, Merged>();
  const rows = createRowBatch(userId);
  const links: AssetLink[] = [];
  const outdated: { conversationId: string; nodeId: string }[] = [];
  const heads: { id: string; conversation: ArchiveConversation; messagesChanged: boolean }[] = [];
  const covered: VersionHead[] = [];
  for await (const { id, conversation, news } of mergeStored(services, tx, userId, ids, options)) {
    const before = stored.get(id);
    if (!before) continue;
    for (const head of news) covered.push(head);
    const { written, gone } = compare(before, conversation);
    rows.addMessages({ id, conversation }, written);
    for (const link of linksOf(id, conversation, conversation.messages)) links.push(link);
    for (const nodeId of [...gone, ...written.map((message) => message.id)]) {
      outdated.push({ conversationId: id, nodeId });
    }
    const messagesChanged = gone.length + written.length > 0;
    heads.push({ id, conversation, messagesChanged });
    const messagesAdded = written.filter((message) => !before.messages.has(message.id)).length;
    merged.set(id, { changed: messagesChanged, messagesAdded });
  }
  await noteCovered(tx, userId, covered);
  await removeMessages(tx, userId, outdated);
  await rows.copyInto(tx);
  // One form may know more of a file than another though the messages are the same.
  await upsertAssets(tx, userId, links);
  for (const id of await updateHeads(tx, userId, heads)) {
    const result = merged.get(id);
    if (result) result.changed = true;
  }
  return merged;
}

async function removeMessages(
  tx: Transaction,
  userId: string,
  outdated: { conversationId: string; nodeId: string }[],
): Promise<void> {
  if (outdated.length === 0) return;
  for (const table of ['messages', 'message_assets', 'message_search']) {
    await tx.execute(
      `DELETE FROM ${table} t USING unnest($2::uuid[], $3::text[]) AS gone (conversation_id, node_id)
       WHERE t.user_id = $1 AND t.conversation_id = gone.conversation_id AND t.node_id = gone.node_id`,
      [userId, outdated.map((row) => row.conversationId), outdated.map((row) => row.nodeId)],
    );
  }
}

/** The messages to write, and the ids of those that are not in the conversation any more. */
function compare(
  before: StoredConversation,
  conversation: ArchiveConversation,
): { written: ArchiveMessage[]; gone: string[] } {
  const after = new Set(conversation.messages.map((message) => message.id));
  return {
    written: conversation.messages.filter((message) => {
      const old = before.messages.get(message.id);
      return !old || !sameRow(old, message) || assetKey(message) !== (before.assets.get(message.id) ?? '');
    }),
    gone: [...before.messages.keys()].filter((id) => !after.has(id)),
  };
}

const COMPARED = [
  'parentId',
  'ordinal',
  'siblingIndex',
  'siblingCount',
  'onActivePath',
  'role',
  'authorName',
  'kind',
  'contentType',
  'text',
  'model',
] as const;

function sameRow(old: ArchiveMessage, message: ArchiveMessage): boolean {
  const time = message.createdAtMs === null ? null : Math.round(message.createdAtMs);
  return old.createdAtMs === time && COMPARED.every((key) => old[key] === message[key]);
}

const assetKey = (message: ArchiveMessage) => message.assets.map((asset) => asset.externalId).join('\n');
