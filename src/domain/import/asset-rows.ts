import { v7 as uuidv7 } from 'uuid';
import type { ArchiveConversation, ArchiveMessage, AssetReference, Provider } from '../../archive/types.ts';
import type { Transaction } from '../services.ts';
import { createRowWriter, framed, uuidBytes } from './binary-rows.ts';

/** What a message points to; the content is looked for in the archive once all rows are in. */
export interface AssetLink {
  conversationId: string;
  nodeId: string;
  ordinal: number;
  provider: Provider;
  conversationExternalId: string;
  reference: AssetReference;
}

export function linksOf(
  conversationId: string,
  conversation: Pick<ArchiveConversation, 'provider' | 'externalId'>,
  messages: ArchiveMessage[],
): AssetLink[] {
  return messages.flatMap((message) =>
    message.assets.map((reference, ordinal) => ({
      conversationId,
      nodeId: message.id,
      ordinal,
      provider: conversation.provider,
      conversationExternalId: conversation.externalId,
      reference,
    })),
  );
}

/** Writes the assets that are new, and the links. What is known of an asset is completed, never overwritten. */
export async function writeLinks(tx: Transaction, userId: string, links: AssetLink[]): Promise<void> {
  if (links.length === 0) return;
  const ids = await upsertAssets(tx, userId, links);
  const rows = createRowWriter();
  const user = uuidBytes(userId);
  for (const link of links) {
    const id = ids.get(keyOf(link.provider, link.reference.externalId));
    if (!id) throw new Error('An asset that was just written is not there.');
    rows.row(5);
    rows.bytes(user);
    rows.bytes(uuidBytes(link.conversationId));
    rows.text(link.nodeId);
    rows.int(link.ordinal);
    rows.bytes(uuidBytes(id));
  }
  await tx.copy(
    'COPY message_assets (user_id, conversation_id, node_id, ordinal, asset_id) FROM STDIN (FORMAT binary)',
    framed(rows.finish()),
  );
}

/** Makes the assets known to which these links point and answers their ids. */
export async function upsertAssets(
  tx: Transaction,
  userId: string,
  links: AssetLink[],
): Promise<Map<string, string>> {
  if (links.length === 0) return new Map();
  const distinct = [...foldByAsset(links).values()];
  const rows = await tx.query<{ id: string; provider: string; externalId: string }>(
    `INSERT INTO assets AS a (user_id, id, provider, external_id, conversation_external_id, name, mime_type, size_bytes)
     SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int8[])
     ON CONFLICT (user_id, provider, external_id) DO UPDATE SET name = coalesce(a.name, excluded.name),
       mime_type = coalesce(a.mime_type, excluded.mime_type), size_bytes = coalesce(a.size_bytes, excluded.size_bytes),
       conversation_external_id = least(a.conversation_external_id COLLATE "C", excluded.conversation_external_id)
     RETURNING id, provider, external_id AS "externalId"`,
    [
      userId,
      distinct.map(() => uuidv7()),
      distinct.map((link) => link.provider),
      distinct.map((link) => link.reference.externalId),
      distinct.map((link) => link.conversationExternalId),
      distinct.map((link) => link.reference.name),
      distinct.map((link) => link.reference.mimeType),
      distinct.map((link) => wholeBytes(link.reference.sizeBytes)),
    ],
  );
  return new Map(rows.map((row) => [keyOf(row.provider, row.externalId), row.id]));
}

/** What several links tell of one file, as the database would put it together had they come one after the other. */
function foldByAsset(links: AssetLink[]): Map<string, AssetLink> {
  const folded = new Map<string, AssetLink>();
  for (const link of links) {
    const key = keyOf(link.provider, link.reference.externalId);
    const known = folded.get(key);
    if (!known) {
      folded.set(key, link);
      continue;
    }
    const [told, more] = [known.reference, link.reference];
    const isLess = link.conversationExternalId < known.conversationExternalId;
    folded.set(key, {
      ...known,
      conversationExternalId: isLess ? link.conversationExternalId : known.conversationExternalId,
      reference: {
        externalId: told.externalId,
        name: told.name ?? more.name,
        mimeType: told.mimeType ?? more.mimeType,
        sizeBytes: told.sizeBytes ?? more.sizeBytes,
      },
    });
  }
  return folded;
}

const keyOf = (provider: string, externalId: string) => `${provider} ${externalId}`;

/** An export may claim any number. */
const wholeBytes = (size: number | null) => (Number.isSafeInteger(size) ? size : null);
