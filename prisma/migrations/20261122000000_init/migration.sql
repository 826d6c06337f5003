BEGIN;

CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "SyncTrigger" AS ENUM ('MANUAL', 'SCHEDULED', 'UPLOAD');

-- CreateEnum
CREATE TYPE "SyncStatus" AS ENUM ('QUEUED', 'RUNNING', 'COMPLETED', 'PARTIAL', 'FAILED', 'CANCELLED', 'UNDONE');

-- CreateEnum
CREATE TYPE "SyncPhase" AS ENUM ('WAITING', 'DOWNLOADING', 'READING', 'IMPORTING', 'INDEXING', 'DONE');

-- CreateEnum
CREATE TYPE "ProblemOutcome" AS ENUM ('SKIPPED', 'FAILED', 'WARNING');

-- CreateEnum
CREATE TYPE "MessageKind" AS ENUM ('VISIBLE', 'TOOL', 'REASONING', 'HIDDEN');

-- CreateTable
CREATE TABLE "users" (
    "id" UUID NOT NULL,
    "email" TEXT,
    "display_name" TEXT,
    "is_owner" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sync_configs" (
    "user_id" UUID NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT false,
    "export_url_sealed" BYTEA,
    "frequency_hours" INTEGER NOT NULL DEFAULT 24,
    "last_sync_at" TIMESTAMPTZ(3),
    "next_sync_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sync_configs_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "sync_tasks" (
    "user_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "trigger" "SyncTrigger" NOT NULL,
    "status" "SyncStatus" NOT NULL DEFAULT 'QUEUED',
    "phase" "SyncPhase" NOT NULL DEFAULT 'WAITING',
    "seq" INTEGER NOT NULL DEFAULT 0,
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "fruitless" INTEGER NOT NULL DEFAULT 0,
    "lease_token" UUID,
    "heartbeat_at" TIMESTAMPTZ(3),
    "source" TEXT NOT NULL,
    "source_sealed" BYTEA,
    "checkpoint" JSONB,
    "fraction" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "bytes_done" BIGINT NOT NULL DEFAULT 0,
    "bytes_total" BIGINT NOT NULL DEFAULT 0,
    "conversations_done" INTEGER NOT NULL DEFAULT 0,
    "conversations_total" INTEGER,
    "per_second" DOUBLE PRECISION,
    "eta_seconds" INTEGER,
    "files_processed" INTEGER NOT NULL DEFAULT 0,
    "added" INTEGER NOT NULL DEFAULT 0,
    "updated" INTEGER NOT NULL DEFAULT 0,
    "unchanged" INTEGER NOT NULL DEFAULT 0,
    "skipped" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "messages_added" INTEGER NOT NULL DEFAULT 0,
    "assets_added" INTEGER NOT NULL DEFAULT 0,
    "error_code" TEXT,
    "error_message" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "retrying" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "sync_tasks_pkey" PRIMARY KEY ("user_id","id")
);

-- CreateTable
CREATE TABLE "sync_problems" (
    "user_id" UUID NOT NULL,
    "task_id" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "external_id" TEXT,
    "title" TEXT,
    "outcome" "ProblemOutcome" NOT NULL,
    "code" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "entry" TEXT,
    "element" INTEGER,
    "rest_of_shard" BOOLEAN NOT NULL DEFAULT false,
    "retrying" BOOLEAN NOT NULL DEFAULT false,
    "conversation_id" UUID,

    CONSTRAINT "sync_problems_pkey" PRIMARY KEY ("user_id","task_id","ordinal")
);

-- CreateTable
CREATE TABLE "conversations" (
    "user_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "provider" TEXT NOT NULL,
    "external_id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "model" TEXT,
    "created_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3),
    "imported_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "archived" BOOLEAN NOT NULL DEFAULT false,
    "starred" BOOLEAN NOT NULL DEFAULT false,
    "current_message_id" TEXT,
    "message_count" INTEGER NOT NULL DEFAULT 0,
    "branch_count" INTEGER NOT NULL DEFAULT 0,
    "search_pending" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "conversations_pkey" PRIMARY KEY ("user_id","id")
);

-- CreateTable
CREATE TABLE "conversation_versions" (
    "user_id" UUID NOT NULL,
    "sha256" BYTEA NOT NULL,
    "conversation_id" UUID NOT NULL,
    "task_id" UUID NOT NULL,
    "updated_at" TIMESTAMPTZ(3),
    "raw" BYTEA NOT NULL,

    CONSTRAINT "conversation_versions_pkey" PRIMARY KEY ("user_id","sha256")
);

-- CreateTable
CREATE TABLE "messages" (
    "user_id" UUID NOT NULL,
    "conversation_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "parent_node_id" TEXT,
    "ordinal" INTEGER NOT NULL,
    "sibling_index" INTEGER NOT NULL,
    "sibling_count" INTEGER NOT NULL,
    "on_active_path" BOOLEAN NOT NULL,
    "role" TEXT NOT NULL,
    "author_name" TEXT,
    "kind" "MessageKind" NOT NULL,
    "content_type" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "model" TEXT,
    "created_at" TIMESTAMPTZ(3),

    CONSTRAINT "messages_pkey" PRIMARY KEY ("user_id","conversation_id","node_id")
);

-- CreateTable
CREATE TABLE "assets" (
    "user_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "provider" TEXT NOT NULL,
    "external_id" TEXT NOT NULL,
    "conversation_external_id" TEXT NOT NULL,
    "name" TEXT,
    "mime_type" TEXT,
    "size_bytes" BIGINT,
    "sha256" BYTEA,
    "task_id" UUID,

    CONSTRAINT "assets_pkey" PRIMARY KEY ("user_id","id")
);

-- CreateTable
CREATE TABLE "message_assets" (
    "user_id" UUID NOT NULL,
    "conversation_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "asset_id" UUID NOT NULL,

    CONSTRAINT "message_assets_pkey" PRIMARY KEY ("user_id","conversation_id","node_id","ordinal")
);

-- CreateTable
CREATE TABLE "message_search" (
    "user_id" UUID NOT NULL,
    "conversation_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "terms" tsvector NOT NULL
);

-- CreateTable
CREATE TABLE "imported_archives" (
    "user_id" UUID NOT NULL,
    "sha256" BYTEA NOT NULL,
    "conversations" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "imported_archives_pkey" PRIMARY KEY ("user_id","sha256")
);

-- CreateTable
CREATE TABLE "known_sources" (
    "user_id" UUID NOT NULL,
    "url_hash" BYTEA NOT NULL,
    "etag" TEXT,
    "last_modified" TEXT,
    "archive_sha256" BYTEA NOT NULL,

    CONSTRAINT "known_sources_pkey" PRIMARY KEY ("user_id","url_hash")
);

-- CreateIndex
CREATE INDEX "sync_tasks_id_idx" ON "sync_tasks"("id");

-- CreateIndex
CREATE INDEX "sync_tasks_user_id_created_at_id_idx" ON "sync_tasks"("user_id", "created_at" DESC, "id");

-- CreateIndex
CREATE INDEX "sync_tasks_status_heartbeat_at_idx" ON "sync_tasks"("status", "heartbeat_at");

-- CreateIndex
CREATE INDEX "conversations_user_id_updated_at_id_idx" ON "conversations"("user_id", "updated_at" DESC, "id");

-- CreateIndex
CREATE INDEX "conversations_user_id_search_pending_idx" ON "conversations"("user_id", "search_pending");

-- CreateIndex
CREATE UNIQUE INDEX "conversations_user_id_provider_external_id_key" ON "conversations"("user_id", "provider", "external_id");

-- CreateIndex
CREATE INDEX "conversation_versions_user_id_conversation_id_idx" ON "conversation_versions"("user_id", "conversation_id");

-- CreateIndex
CREATE INDEX "conversation_versions_user_id_task_id_idx" ON "conversation_versions"("user_id", "task_id");

-- CreateIndex
CREATE INDEX "messages_user_id_conversation_id_ordinal_idx" ON "messages"("user_id", "conversation_id", "ordinal");

-- CreateIndex
CREATE INDEX "assets_user_id_task_id_idx" ON "assets"("user_id", "task_id");

-- CreateIndex
CREATE UNIQUE INDEX "assets_user_id_provider_external_id_key" ON "assets"("user_id", "provider", "external_id");

-- CreateIndex
CREATE INDEX "message_assets_user_id_asset_id_idx" ON "message_assets"("user_id", "asset_id");

-- CreateIndex
CREATE INDEX "message_search_user_id_conversation_id_idx" ON "message_search"("user_id", "conversation_id");

-- CreateIndex
CREATE INDEX "message_search_terms" ON "message_search" USING GIN ("user_id" uuid_ops, "terms" tsvector_ops);

-- AddForeignKey
ALTER TABLE "sync_configs" ADD CONSTRAINT "sync_configs_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sync_tasks" ADD CONSTRAINT "sync_tasks_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sync_problems" ADD CONSTRAINT "sync_problems_user_id_task_id_fkey" FOREIGN KEY ("user_id", "task_id") REFERENCES "sync_tasks"("user_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "conversation_versions" ADD CONSTRAINT "conversation_versions_user_id_conversation_id_fkey" FOREIGN KEY ("user_id", "conversation_id") REFERENCES "conversations"("user_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "assets" ADD CONSTRAINT "assets_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "imported_archives" ADD CONSTRAINT "imported_archives_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "known_sources" ADD CONSTRAINT "known_sources_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- At most one unfinished task per user, whoever asks and however many ask at once.
CREATE UNIQUE INDEX "sync_tasks_one_active" ON "sync_tasks" ("user_id") WHERE "status" IN ('QUEUED', 'RUNNING');

-- Compressed already: PostgreSQL would only lose time trying to compress it again.
ALTER TABLE "conversation_versions" ALTER COLUMN "raw" SET STORAGE EXTERNAL;

-- One owner, however many processes start at once.
CREATE UNIQUE INDEX "users_one_owner" ON "users" ("is_owner") WHERE "is_owner";

COMMIT;
