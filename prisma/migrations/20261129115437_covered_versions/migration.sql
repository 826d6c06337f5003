BEGIN;

-- AlterTable
ALTER TABLE "conversation_versions" ADD COLUMN     "covered_by" BYTEA;

COMMIT;
