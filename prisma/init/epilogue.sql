-- At most one unfinished task per user, whoever asks and however many ask at once.
CREATE UNIQUE INDEX "sync_tasks_one_active" ON "sync_tasks" ("user_id") WHERE "status" IN ('QUEUED', 'RUNNING');

-- Compressed already: PostgreSQL would only lose time trying to compress it again.
ALTER TABLE "conversation_versions" ALTER COLUMN "raw" SET STORAGE EXTERNAL;

-- One owner, however many processes start at once.
CREATE UNIQUE INDEX "users_one_owner" ON "users" ("is_owner") WHERE "is_owner";
