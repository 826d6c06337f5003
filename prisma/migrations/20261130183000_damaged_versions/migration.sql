BEGIN;

-- AlterTable
ALTER TABLE "conversation_versions" ADD COLUMN     "damaged" BOOLEAN NOT NULL DEFAULT false;

COMMIT;
