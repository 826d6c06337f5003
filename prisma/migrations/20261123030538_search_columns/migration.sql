BEGIN;

-- The rows so far were made by to_tsvector, whose words are not those of the analyzer: all are made again.
TRUNCATE "message_search";
UPDATE "conversations" SET "search_pending" = true;

-- AlterTable
ALTER TABLE "message_search" ADD COLUMN     "created_at" TIMESTAMPTZ(3),
ADD COLUMN     "kind" "MessageKind" NOT NULL DEFAULT 'VISIBLE',
ADD COLUMN     "on_active_path" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "role" TEXT NOT NULL DEFAULT '';

-- Whoever changes a title, it is indexed anew.
CREATE FUNCTION "forget_indexed_title"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM "message_search"
  WHERE "user_id" = OLD."user_id" AND "conversation_id" = OLD."id" AND "node_id" = '';
  NEW."search_pending" := true;
  RETURN NEW;
END $$;

CREATE TRIGGER "conversations_title" BEFORE UPDATE OF "title" ON "conversations"
FOR EACH ROW WHEN (OLD."title" IS DISTINCT FROM NEW."title") EXECUTE FUNCTION "forget_indexed_title"();

COMMIT;
