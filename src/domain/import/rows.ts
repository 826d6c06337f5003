import type { ArchiveConversation, ArchiveMessage } from '../../archive/types.ts';
import { giveBack } from '../../own-memory.ts';
import type { Transaction } from '../services.ts';
import { type AssetLink, linksOf, writeLinks } from './asset-rows.ts';
import {
  createRowWriter,
  type EncodedRows,
  fillsLargeBuffer,
  framed,
  type Piece,
  type RowWriter,
  uuidBytes,
} from './binary-rows.ts';

/** A conversation on its way into the database. */
export interface PlannedConversation {
  id: string;
  conversation: ArchiveConversation;
}

/** A new conversation in the form in which it is sent, which takes a fraction of the memory. */
export interface EncodedConversation {
  head: EncodedRows;
  messages: EncodedRows;
  links: AssetLink[];
}

export interface PlannedVersion {
  sha256: Uint8Array;
  conversationId: string;
  taskId: string;
  updatedAtMs: number | null;
  /** Compressed. */
  raw: Uint8Array;
  /** Before. */
  sizeBytes: number;
}

/** New conversations and their messages as they were sent to the database: whole rows in each piece. */
export interface SentRows {
  conversations: Piece[];
  messages: Piece[];
}

/** What a transaction sent of new conversations, so that they can be indexed without being read again. */
export interface NewRows extends SentRows {
  /** Of the conversations. */
  ids: string[];
  bytes: number;
  /** A row that was changed afterwards is of another. */
  transactionId: string;
}

/** Gathers rows and writes each table with one COPY. */
export interface RowBatch {
  addConversation(encoded: EncodedConversation): void;
  addVersion(version: PlannedVersion): void;
  /** `messages` may be a part of the conversation's. */
  addMessages(planned: PlannedConversation, messages: ArchiveMessage[]): void;
  /** Answers what it sent. */
  copyInto(tx: Transaction): Promise<SentRows>;
}

export const CONVERSATION_COLUMNS = [
  'user_id',
  'id',
  'provider',
  'external_id',
  'title',
  'model',
  'created_at',
  'updated_at',
  'archived',
  'starred',
  'current_message_id',
  'message_count',
  'branch_count',
];
const VERSION_COLUMNS = [
  'user_id',
  'sha256',
  'conversation_id',
  'task_id',
  'updated_at',
  'raw',
  'size_bytes',
];
export const MESSAGE_COLUMNS = [
  'user_id',
  'conversation_id',
  'node_id',
  'parent_node_id',
  'ordinal',
  'sibling_index',
  'sibling_count',
  'on_active_path',
  'role',
  'author_name',
  'kind',
  'content_type',
  'text',
  'model',
  'created_at',
];

export function createRowBatch(userId: string): RowBatch {
  const user = uuidBytes(userId);
  const links: AssetLink[] = [];
  const conversations = createRowWriter();
  const versions = createRowWriter();
  const messages = createRowWriter();
  // One by one, for a call takes only so many arguments, and one message can name more files than that.
  const addLinks = (more: readonly AssetLink[]) => {
    for (const link of more) links.push(link);
  };
  return {
    addConversation(encoded) {
      conversations.append(encoded.head);
      messages.append(encoded.messages);
      addLinks(encoded.links);
    },
    addVersion({ sha256, conversationId, taskId, updatedAtMs, raw, sizeBytes }) {
      versions.row(VERSION_COLUMNS.length);
      versions.bytes(user);
      versions.bytes(sha256);
      versions.bytes(uuidBytes(conversationId));
      versions.bytes(uuidBytes(taskId));
      versions.timestamp(updatedAtMs);
      versions.bytes(raw);
      versions.int(sizeBytes);
    },
    addMessages({ id, conversation }, list) {
      const conversationId = uuidBytes(id);
      for (const message of list) writeMessage(messages, user, conversationId, message);
      addLinks(linksOf(id, conversation, list));
    },
    async copyInto(tx) {
      const sent = {
        conversations: await copy(tx, 'conversations', CONVERSATION_COLUMNS, conversations),
        versions: await copy(tx, 'conversation_versions', VERSION_COLUMNS, versions),
        messages: await copy(tx, 'messages', MESSAGE_COLUMNS, messages),
      };
      giveBack(...sent.versions.filter((piece) => !fillsLargeBuffer(piece)));
      await writeLinks(tx, userId, links.splice(0));
      return { conversations: sent.conversations, messages: sent.messages };
    },
  };
}

/** Encodes conversations one after the other. */
export function createConversationEncoder(
  userId: string,
): (planned: PlannedConversation) => EncodedConversation {
  const user = uuidBytes(userId);
  const heads = createRowWriter();
  const rows = createRowWriter();
  return ({ id, conversation }) => {
    const conversationId = uuidBytes(id);
    writeHead(heads, user, conversationId, conversation);
    for (const message of conversation.messages) writeMessage(rows, user, conversationId, message);
    return {
      head: heads.take(),
      messages: rows.take(),
      links: linksOf(id, conversation, conversation.messages),
    };
  };
}

function writeHead(rows: RowWriter, user: Uint8Array, id: Uint8Array, conversation: ArchiveConversation) {
  rows.row(CONVERSATION_COLUMNS.length);
  rows.bytes(user);
  rows.bytes(id);
  rows.text(conversation.provider);
  rows.text(conversation.externalId);
  rows.text(conversation.title);
  rows.text(conversation.model);
  rows.timestamp(conversation.createdAtMs);
  rows.timestamp(conversation.updatedAtMs);
  rows.bool(conversation.archived);
  rows.bool(conversation.starred);
  rows.text(conversation.currentMessageId);
  rows.int(conversation.messages.length);
  rows.int(conversation.branchCount);
}

function writeMessage(rows: RowWriter, user: Uint8Array, conversation: Uint8Array, message: ArchiveMessage) {
  rows.row(MESSAGE_COLUMNS.length);
  rows.bytes(user);
  rows.bytes(conversation);
  rows.text(message.id);
  rows.text(message.parentId);
  rows.int(message.ordinal);
  rows.int(message.siblingIndex);
  rows.int(message.siblingCount);
  rows.bool(message.onActivePath);
  rows.text(message.role);
  rows.text(message.authorName);
  rows.text(message.kind);
  rows.text(message.contentType);
  rows.text(message.text);
  rows.text(message.model);
  rows.timestamp(message.createdAtMs);
}

/** Answers the pieces that it sent. */
async function copy(tx: Transaction, table: string, columns: string[], rows: RowWriter): Promise<Piece[]> {
  if (rows.rows === 0) return [];
  const pieces = rows.finish();
  await tx.copy(`COPY ${table} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`, framed(pieces));
  return pieces;
}
