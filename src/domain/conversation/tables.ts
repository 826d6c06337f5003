/**
 * Tables of rows that belong to a conversation without a foreign key to it (see ARCHITECTURE.md): whoever deletes a
 * conversation deletes theirs in the same transaction, once the conversation's own row is locked against indexers.
 */
export const TABLES_WITHOUT_KEY = ['message_search', 'message_assets', 'messages'] as const;
