/** What a thread does for the search index: from the text of messages to rows in the form in which they are sent. */
import { createRowWriter, type EncodedRows, uuidBytes } from './binary-rows.ts';

export interface UnindexedMessage {
  conversationId: string;
  /** Empty for the conversation's title, which is its `text`. */
  nodeId: string;
  text: string;
  /** Of the conversation when the message has none. */
  createdAtMs: number | null;
  role: string;
  kind: string;
  onActivePath: boolean;
}

/** Messages that are to be found. */
export interface UnindexedMessages {
  userId: string;
  messages: UnindexedMessage[];
}

export const SEARCH_COLUMNS = [
  'user_id',
  'conversation_id',
  'node_id',
  'terms',
  'created_at',
  'role',
  'kind',
  'on_active_path',
];

/** `analyze` answers tsvectors in PostgreSQL's binary format, several for a long text. */
export function encodeTerms(
  analyze: (text: string) => Uint8Array[],
  { userId, messages }: UnindexedMessages,
): EncodedRows {
  const user = uuidBytes(userId);
  const rows = createRowWriter();
  for (const { conversationId, nodeId, text, ...message } of messages) {
    const conversation = uuidBytes(conversationId);
    for (const terms of analyze(text)) {
      rows.row(SEARCH_COLUMNS.length);
      rows.bytes(user);
      rows.bytes(conversation);
      rows.text(nodeId);
      rows.bytes(terms);
      rows.timestamp(message.createdAtMs);
      rows.text(message.role);
      rows.text(message.kind);
      rows.bool(message.onActivePath);
    }
  }
  return rows.take();
}
