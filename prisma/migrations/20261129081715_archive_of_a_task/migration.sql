BEGIN;

-- AlterTable
ALTER TABLE "sync_tasks" ADD COLUMN     "archive_sha256" BYTEA;

COMMIT;
