import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import { decodeId, encodeId } from '../../src/domain/global-id.ts';
import { dialogue, say } from '../archive/builders.ts';
import { makeKey } from '../support/api-keys.ts';
import type { TestClient } from '../support/client.ts';
import { exportOf, type ServedFile, zipOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

/** Stands in everything that the first user has. */
export const marker = 'heirloom';

/** The global id of a row of this type. */
export type IdOf = (type: string) => string;

export interface World {
  server: TestServer;
  /** Has a row of everything: the owner, who by mistake could be given the most. */
  first: TestClient;
  /** Somebody else, with a conversation of their own. */
  other: TestUser;
  /** Rows of the first user, of the other one, and such as nobody has. */
  foreign: IdOf;
  own: IdOf;
  unknown: IdOf;
  /** The export of the first user. */
  file: ServedFile;
  /** Where an upload of the first user, not yet whole, goes on. */
  uploadPath: string;
  /** An answer to somebody else must hold none of the first user's words or ids. */
  expectNoTrace(text: string): void;
  /** All that is stored of the first user, in every table that knows users, but what an owner is told of others. */
  rows(): Promise<string>;
}

export async function createWorld(): Promise<World> {
  const server = await startTestServer({
    backend: 'redis',
    env: {
      GOOGLE_CLIENT_ID: 'client',
      GOOGLE_CLIENT_SECRET: 'secret',
      REDIRECT_URI: 'http://127.0.0.1/auth/callback',
      // Nothing answers there: a question is kept, and has no answer.
      CHAT_BASE_URL: 'http://127.0.0.1:9/v1',
      CHAT_MODEL: 'none',
    },
  });
  const first = server.client;
  const other = await server.asUser();
  const file = server.exports.serve(await markedExport());
  const foreignIds = await furnish(server, file);
  const ownIds = await ownRows(server, other.client);
  const uploadPath = await beginUpload(server);

  const pick = (ids: Record<string, string>): IdOf => {
    return (type) => {
      const id = ids[type];
      if (!id) throw new Error(`There is no ${type} here: add one to test/isolation/world.ts`);
      return id;
    };
  };
  const foreign = pick(foreignIds);
  return {
    server,
    first,
    other,
    file,
    uploadPath,
    foreign,
    own: pick(ownIds),
    unknown(type) {
      const { id = '' } = decodeId(foreign(type)) ?? {};
      return encodeId(type, id.replace(/^[\da-f-]{36}/, uuidv7()));
    },
    expectNoTrace(text) {
      expect(text).not.toContain(marker);
      for (const id of Object.values(foreignIds)) expect(text).not.toContain(id);
      expect(text).not.toContain(server.viewer.userId);
    },
    rows: () => rowsOf(server, server.viewer.userId),
  };
}

/** An attachment, and a conversation that cannot be read, are in it as well. */
function markedExport(): Promise<Buffer> {
  const question = say('user', `The ${marker} is hidden`, {
    metadata: {
      attachments: [{ id: 'file-abc123', name: `${marker}.txt`, mime_type: 'text/plain', size: 8 }],
    },
  });
  const conversation = dialogue('first', { title: marker });
  const mapping = conversation.mapping as Record<string, { message: object }>;
  mapping.q = { ...mapping.q, message: { id: 'q', ...question } };
  const broken = `{"conversation_id": "${marker}", "mapping": {broken}}`;
  return zipOf({
    'conversations.json': `[${JSON.stringify(conversation)}, ${broken}]`,
    [`file-abc123-${marker}.txt`]: 'treasure',
  });
}

/** Gives the first user a row of everything; answers their ids by type. */
async function furnish(server: TestServer, file: ServedFile): Promise<Record<string, string>> {
  const { client } = server;
  const task = await sync(client, file.url);
  expect(task).toMatchObject({ status: 'PARTIAL', counts: { added: 1, failed: 1, assetsAdded: 1 } });
  await client.rest('POST', '/sync/config', { sync_enabled: true, chatgpt_export_url: file.url });
  const { apiKey } = await makeKey(server, client, { name: marker });
  const signedIn = await client.rest('POST', '/auth/key', { api_key: server.apiKey });
  expect(signedIn.status).toBe(200);
  const { exportMyData } = await client.request<{ exportMyData: { id: string } }>(
    'mutation { exportMyData { ... on BackgroundTask { id } } }',
  );
  await until('the export is made', async () => {
    const { backgroundTask } = await client.request<{ backgroundTask: { status: string } }>(
      'query Q($id: ID!) { backgroundTask(id: $id) { status } }',
      { id: exportMyData.id },
    );
    return backgroundTask.status === 'COMPLETED';
  });
  await client.request(
    `mutation { sendChatMessage(input: { query: "Where is the ${marker}?" }) { __typename } }`,
  );
  const { chatSessions } = await client.request<{
    chatSessions: { edges: { node: { id: string; turns: { edges: { node: { id: string } }[] } } }[] };
  }>('{ chatSessions { edges { node { id turns { edges { node { id } } } } } } }');
  const chat = chatSessions.edges[0]?.node;
  const ids = await ownRows(server, client, false);
  const { viewer } = await client.request<{ viewer: { sessions: { id: string }[] } }>(
    '{ viewer { sessions { id } } }',
  );
  return {
    ...ids,
    SyncTask: task.id,
    ApiKey: apiKey.id,
    BackgroundTask: exportMyData.id,
    ChatTurn: chat?.turns.edges[0]?.node.id ?? '',
    ChatSession: chat?.id ?? '',
    Session: viewer.sessions[0]?.id ?? '',
  };
}

interface Found {
  viewer: { id: string };
  conversations: {
    edges: {
      node: { id: string; assets: { id: string }[]; messages: { edges: { node: { id: string } }[] } };
    }[];
  };
}

/** Ids of a user, of their first conversation and of what is in it; imports one where there is none yet. */
async function ownRows(
  server: TestServer,
  client: TestClient,
  importOne = true,
): Promise<Record<string, string>> {
  if (importOne) await sync(client, server.exports.serve(await exportOf([dialogue('own')])).url);
  const { viewer, conversations } = await client.request<Found>(
    '{ viewer { id } conversations { edges { node { id assets { id } messages { edges { node { id } } } } } } }',
  );
  const node = conversations.edges[0]?.node;
  return {
    User: viewer.id,
    Conversation: node?.id ?? '',
    Message: node?.messages.edges[0]?.node.id ?? '',
    Asset: node?.assets[0]?.id ?? '',
  };
}

async function beginUpload({ url, apiKey }: TestServer): Promise<string> {
  const begun = await fetch(`${url}/sync/upload/resumable`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'tus-resumable': '1.0.0', 'upload-length': '100' },
  });
  expect(begun.status).toBe(201);
  return begun.headers.get('location') ?? '';
}

async function rowsOf({ services: { database } }: TestServer, userId: string): Promise<string> {
  const tables = await database.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'user_id' ORDER BY 1`,
  );
  const dumps = await Promise.all(
    tables.map(({ name }) =>
      database.query(
        `SELECT t::text FROM ${name} t
         WHERE user_id = $1 AND coalesce(to_jsonb(t)->>'action' <> 'account.deleted', true) ORDER BY 1`,
        [userId],
      ),
    ),
  );
  return JSON.stringify(dumps);
}
