/** What the API is measured against: express and pg by hand, the same bytes, and nothing that guards them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';
import { encodeId } from '../../src/domain/global-id.ts';
import { runProgram } from '../../src/infra/program.ts';

interface ConversationRow {
  id: string;
  title: string;
  updated_at: Date | null;
  message_count: number;
}

interface MessageRow {
  conversation_id: string;
  node_id: string;
  role: string;
  kind: string;
  text: string;
  created_at: Date | null;
}

interface TaskRow {
  id: string;
  status: string;
  phase: string;
  seq: number;
  fraction: number;
  bytes_done: string;
  bytes_total: string;
  conversations_done: number;
  conversations_total: number | null;
  per_second: number | null;
  eta_seconds: number | null;
  added: number;
  updated: number;
  unchanged: number;
  skipped: number;
  failed: number;
  messages_added: number;
  assets_added: number;
}

await runProgram(async (program) => {
  const { DB_URL: connectionString, USER_ID: userId = '', TASK_ID: taskId = '' } = process.env;
  const pool = new pg.Pool({ connectionString, max: 10 });
  const app = express();
  app.disable('x-powered-by');
  app.get('/conversations', async (_request, response) => {
    response.json({ data: { conversations: { edges: await readConversations(pool, userId) } } });
  });
  app.get('/task', async (_request, response) => {
    const task = await readTask(pool, userId, taskId);
    response.json({ data: { syncStatus: toGraphQL(task) } });
  });
  app.get('/status', async (_request, response) => {
    response.json(toRest(await readTask(pool, userId, taskId)));
  });
  const server = await program.own(
    () =>
      new Promise<ReturnType<typeof createServer>>((resolve) => {
        const listening = createServer(app).listen(0, '127.0.0.1', () => resolve(listening));
      }),
    async (listening) => {
      listening.close();
      listening.closeAllConnections();
      await pool.end();
    },
  );
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
  return null;
});

async function readConversations(pool: pg.Pool, userId: string) {
  const { rows: conversations } = await pool.query<ConversationRow>({
    name: 'conversations',
    text: `SELECT id, title, updated_at, message_count FROM conversations WHERE user_id = $1
      ORDER BY updated_at DESC NULLS LAST, id DESC LIMIT 20`,
    values: [userId],
  });
  const { rows: messages } = await pool.query<MessageRow>({
    name: 'messages',
    text: `SELECT m.* FROM unnest($2::uuid[]) AS c (id), LATERAL (
        SELECT conversation_id, node_id, role, kind, text, created_at FROM messages
        WHERE user_id = $1 AND conversation_id = c.id AND on_active_path ORDER BY ordinal LIMIT 20
      ) m`,
    values: [userId, conversations.map(({ id }) => id)],
  });
  const byConversation = Map.groupBy(messages, (message) => message.conversation_id);
  return conversations.map((row) => ({
    node: {
      id: encodeId('Conversation', row.id),
      title: row.title,
      updatedAt: row.updated_at,
      messageCount: row.message_count,
      messages: {
        edges: (byConversation.get(row.id) ?? []).map((message) => ({
          node: {
            id: encodeId('Message', `${row.id}/${message.node_id}`),
            role: message.role,
            kind: message.kind,
            text: message.text,
            createdAt: message.created_at,
          },
        })),
      },
    },
  }));
}

async function readTask(pool: pg.Pool, userId: string, taskId: string): Promise<TaskRow> {
  const { rows } = await pool.query<TaskRow>({
    name: 'task',
    text: 'SELECT * FROM sync_tasks WHERE user_id = $1 AND id = $2',
    values: [userId, taskId],
  });
  if (!rows[0]) throw new Error('the task is gone');
  return rows[0];
}

const toGraphQL = (task: TaskRow) => ({
  id: encodeId('SyncTask', task.id),
  status: task.status,
  phase: task.phase,
  seq: task.seq,
  progress: {
    fraction: task.fraction,
    bytesDone: Number(task.bytes_done),
    bytesTotal: Number(task.bytes_total),
    conversationsDone: task.conversations_done,
    conversationsTotal: task.conversations_total,
  },
  counts: {
    added: task.added,
    updated: task.updated,
    unchanged: task.unchanged,
    skipped: task.skipped,
    failed: task.failed,
    messagesAdded: task.messages_added,
    assetsAdded: task.assets_added,
  },
});

const toRest = (task: TaskRow) => ({
  task_id: encodeId('SyncTask', task.id),
  status: task.status,
  result: {
    added: task.added,
    updated: task.updated,
    unchanged: task.unchanged,
    skipped: task.skipped,
    failed: task.failed,
    messages_added: task.messages_added,
    assets_added: task.assets_added,
  },
  info: {
    phase: task.phase,
    fraction: task.fraction,
    bytes_done: Number(task.bytes_done),
    bytes_total: Number(task.bytes_total),
    conversations_done: task.conversations_done,
    conversations_total: task.conversations_total,
    per_second: task.per_second,
    eta_seconds: task.eta_seconds,
    queue_position: null,
  },
});
