BEGIN;

-- In the order in which conversations are listed: those without a time come last, and equals by falling ids.
DROP INDEX "conversations_user_id_updated_at_id_idx";
CREATE INDEX "conversations_user_id_updated_at_id_idx"
ON "conversations"("user_id", "updated_at" DESC NULLS LAST, "id" DESC);

COMMIT;
