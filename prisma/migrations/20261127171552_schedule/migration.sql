BEGIN;

-- AlterTable
ALTER TABLE "sync_configs" ADD COLUMN     "failures_in_a_row" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "last_failure" TEXT,
ADD COLUMN     "paused_at" TIMESTAMPTZ(3);

-- CreateIndex
CREATE INDEX "sync_configs_next_sync_at_idx" ON "sync_configs"("next_sync_at");

COMMIT;
