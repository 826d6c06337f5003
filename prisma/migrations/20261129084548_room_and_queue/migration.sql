BEGIN;

-- AlterTable
ALTER TABLE "conversation_versions" ADD COLUMN     "size_bytes" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "sync_tasks" ADD COLUMN     "queued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- Who waits already keeps the place.
UPDATE "sync_tasks" SET "queued_at" = "created_at" WHERE "status" = 'QUEUED';

COMMIT;
