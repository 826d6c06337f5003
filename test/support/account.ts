import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Services } from '../../src/domain/services.ts';

export type Rows = Record<string, unknown[]>;

const tables = [
  'conversations',
  'conversation_versions',
  'messages',
  'message_assets',
  'message_search',
  'assets',
  'sync_configs',
];

/** All that imports made of a user's account, row for row, and the files on disk. */
export async function dumpRows(services: Services, userId: string): Promise<Rows> {
  const rows: Rows = { files: await listFiles(services, userId) };
  for (const table of tables) {
    rows[table] = await services.database.query(
      `SELECT to_jsonb(t) AS row FROM ${table} t WHERE user_id = $1 ORDER BY to_jsonb(t)::text`,
      [userId],
    );
  }
  return rows;
}

/** The same as a reader sees it: without our own ids, times of import, and whose it is. */
const contents: Record<string, string> = {
  conversations: `SELECT to_jsonb(c) - '{user_id,id,imported_at}'::text[] AS row FROM conversations c
    WHERE user_id = $1`,
  versions: `SELECT jsonb_build_array(c.external_id, v.sha256, v.updated_at) AS row
    FROM conversation_versions v JOIN conversations c ON c.user_id = v.user_id AND c.id = v.conversation_id
    WHERE v.user_id = $1`,
  messages: `SELECT jsonb_build_array(c.external_id, to_jsonb(m) - '{user_id,conversation_id}'::text[]) AS row
    FROM messages m JOIN conversations c ON c.user_id = m.user_id AND c.id = m.conversation_id
    WHERE m.user_id = $1`,
  search: `SELECT jsonb_build_array(c.external_id, s.node_id, s.terms::text) AS row
    FROM message_search s JOIN conversations c ON c.user_id = s.user_id AND c.id = s.conversation_id
    WHERE s.user_id = $1`,
  assets: `SELECT to_jsonb(a) - '{user_id,id,task_id}'::text[] AS row FROM assets a WHERE user_id = $1`,
  links: `SELECT jsonb_build_array(c.external_id, l.node_id, l.ordinal, a.external_id) AS row
    FROM message_assets l JOIN conversations c ON c.user_id = l.user_id AND c.id = l.conversation_id
    JOIN assets a ON a.user_id = l.user_id AND a.id = l.asset_id WHERE l.user_id = $1`,
};

export async function dumpContent(services: Services, userId: string): Promise<Rows> {
  const rows: Rows = { files: await listFiles(services, userId) };
  for (const [name, select] of Object.entries(contents)) {
    rows[name] = await services.database.query(`SELECT row FROM (${select}) t ORDER BY row::text`, [userId]);
  }
  return rows;
}

/** Where a test server keeps its files. */
export const dataDirOf = (services: Services) => dirname(services.workspace.uploadsPath);

/** Files of one user below the file store, by their names there. */
export async function listFiles(services: Services, userId: string): Promise<string[]> {
  return listBelow(join(dataDirOf(services), 'files', userId));
}

/** Every file below a folder, relative to it and in order; none when there is no folder. */
export async function listBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}
