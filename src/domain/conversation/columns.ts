/** As Prisma would name them, so that a row of `conversations c` is a Conversation. */
export const CONVERSATION_COLUMNS = `c.user_id AS "userId", c.id, c.provider, c.external_id AS "externalId", c.title, c.model,
  c.created_at AS "createdAt", c.updated_at AS "updatedAt", c.imported_at AS "importedAt", c.archived, c.starred,
  c.title_edited AS "titleEdited", c.archived_edited AS "archivedEdited",
  c.current_message_id AS "currentMessageId", c.message_count AS "messageCount", c.branch_count AS "branchCount",
  c.search_pending AS "searchPending"`;
