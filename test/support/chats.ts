import { dialogue } from '../archive/builders.ts';
import type { TestClient, Transport } from './client.ts';
import { exportOf } from './exports.ts';
import { type ModelServer, modelKey, startModelServer } from './model-server.ts';
import { type Backend, startTestServer, type TestServer } from './server.ts';
import { sync } from './syncs.ts';

/** A server whose chat is answered by a model on loopback. */
export async function startChatServer(
  options: { backend?: Backend; env?: Record<string, string> } = {},
): Promise<{ server: TestServer; model: ModelServer; close(): Promise<void> }> {
  const model = await startModelServer();
  const server = await startTestServer({
    backend: options.backend ?? 'postgres',
    env: { CHAT_BASE_URL: model.url, CHAT_API_KEY: modelKey, CHAT_MODEL: 'test-model', ...options.env },
  });
  return {
    server,
    model,
    async close() {
      await server.close();
      await model.close();
    },
  };
}

/** Brings conversations into a client's account. */
export async function importAll(
  server: TestServer,
  client: TestClient,
  conversations: object[],
): Promise<void> {
  const task = await sync(client, server.exports.serve(await exportOf(conversations)).url);
  if (task.status !== 'COMPLETED') throw new Error(`The import ended as ${JSON.stringify(task)}`);
}

/** A conversation of one question and one answer, about something that can be looked for. */
export function about(id: string, question: string, answer: string, title = `Talk ${id}`): object {
  const conversation = dialogue(id, { title });
  const mapping = conversation.mapping as Record<
    string,
    { message: { content: { parts: string[] } } | null }
  >;
  for (const [node, text] of [
    ['q', question],
    ['a', answer],
  ] as const) {
    const { message } = mapping[node] ?? {};
    if (message) message.content.parts = [text];
  }
  return conversation;
}

const turnFields = `
  id query response status suggestions model error { code message }
  context { number score quote isCited message { id text } conversation { id title } }
  session { id title }`;

export interface CitationAnswer {
  number: number;
  score: number;
  quote: string;
  isCited: boolean | null;
  message: { id: string; text: string } | null;
  conversation: { id: string; title: string } | null;
}

export interface TurnAnswer {
  __typename: string;
  id: string;
  query: string;
  response: string;
  status: string;
  suggestions: string[];
  model: string | null;
  error: { code: string; message: string } | null;
  context: CitationAnswer[];
  session: { id: string; title: string };
  /** Of errors. */
  code?: string;
  message?: string;
  reason?: string;
  retryAfter?: number | null;
  turn?: TurnAnswer | null;
  fieldErrors?: { path: string[]; message: string }[];
}

export interface ChatQuestion {
  query?: string;
  sessionId?: string;
  retryTurnId?: string;
  k?: number;
}

/** Asks and waits; the answer is the turn, or the error with its `__typename`. */
export async function ask(client: TestClient, input: ChatQuestion): Promise<TurnAnswer> {
  const { sendChatMessage } = await client.request<{ sendChatMessage: TurnAnswer }>(
    `mutation Ask($input: ChatInput!) {
      sendChatMessage(input: $input) {
        __typename
        ... on ChatTurn { ${turnFields} }
        ... on Error { message code }
        ... on InvalidInput { fieldErrors { path message } }
        ... on ChatUnavailable { reason retryAfter turn { ${turnFields} } }
      }
    }`,
    { input },
  );
  return sendChatMessage;
}

export interface ChatEventAnswer {
  __typename: 'ChatContext' | 'ChatStarted' | 'ChatToken' | 'ChatSuggestions' | 'ChatDone' | 'ChatFailed';
  context?: CitationAnswer[];
  text?: string;
  suggestions?: string[];
  turn?: TurnAnswer;
  reason?: string;
  message?: string;
  retryAfter?: number | null;
}

/** Asks and tells what comes, as it comes. */
export async function* streamChat(
  client: TestClient,
  transport: Transport,
  input: ChatQuestion,
): AsyncGenerator<ChatEventAnswer> {
  const events = client.subscribe<{ chat: ChatEventAnswer }>(
    transport,
    `subscription Chat($input: ChatInput!) {
      chat(input: $input) {
        __typename
        ... on ChatContext { context { number score quote isCited message { id text } conversation { id title } } }
        ... on ChatStarted { turn { ${turnFields} } }
        ... on ChatToken { text }
        ... on ChatSuggestions { suggestions }
        ... on ChatDone { turn { ${turnFields} } }
        ... on ChatFailed { turn { ${turnFields} } reason message retryAfter }
      }
    }`,
    { input },
  );
  for await (const { chat } of events) yield chat;
}

/** A turn as it stands in the database's own session, read again. */
export async function readTurn(client: TestClient, id: string): Promise<TurnAnswer> {
  const { node } = await client.request<{ node: TurnAnswer }>(
    `query Turn($id: ID!) { node(id: $id) { ... on ChatTurn { ${turnFields} } } }`,
    { id },
  );
  return node;
}
