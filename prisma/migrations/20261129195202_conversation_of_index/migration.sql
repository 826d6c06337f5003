BEGIN;

-- DropIndex
DROP INDEX "message_search_user_id_conversation_id_idx";

-- CreateIndex
CREATE INDEX "message_search_conversation_id_user_id_idx" ON "message_search"("conversation_id", "user_id");

COMMIT;
