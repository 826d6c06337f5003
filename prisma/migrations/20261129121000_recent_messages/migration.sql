BEGIN;

-- What is recent of a user. By the hash, for PostgreSQL joins no two indexes of which each is asked for the same condition,
-- and that of the terms has the user as well. It stands in no Prisma schema, which knows no index of an expression.
CREATE INDEX "message_search_recent" ON "message_search" (uuid_hash("user_id"), "created_at");
-- Or the planner would guess how many rows share a hash until the table is analyzed by itself.
ANALYZE "message_search";

COMMIT;
