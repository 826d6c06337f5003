BEGIN;

-- AlterTable
ALTER TABLE "sync_tasks" ADD COLUMN     "undone_at" TIMESTAMPTZ(3);

COMMIT;
