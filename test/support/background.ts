import type { TestClient } from './client.ts';
import type { TestServer, TestUser } from './server.ts';

export const backgroundFields = `id kind status seq attempt progress { done total fraction } error { code message }
  downloadUrl fileName fileBytes expiresAt finishedAt`;

export interface BackgroundAnswer {
  __typename: string;
  id: string;
  kind: string;
  status: string;
  seq: number;
  attempt: number;
  progress: { done: number; total: number | null; fraction: number | null };
  error: { code: string; message: string } | null;
  downloadUrl: string | null;
  fileName: string | null;
  fileBytes: number | null;
  expiresAt: string | null;
  finishedAt: string | null;
}

/** Runs a mutation that answers a task or an error; `call` is such as `exportMyData`. */
export async function askBackground(
  client: TestClient,
  call: string,
  variables: Record<string, unknown> = {},
  declaration = '',
): Promise<BackgroundAnswer & { message?: string; code?: string; backgroundTask?: { id: string } }> {
  const { answer } = await client.request<{ answer: BackgroundAnswer }>(
    `mutation M${declaration} { answer: ${call} {
      __typename ... on BackgroundTask { ${backgroundFields} } ... on Error { message code }
    } }`,
    variables,
  );
  return answer;
}

export async function readBackground(client: TestClient, id: string): Promise<BackgroundAnswer> {
  const { backgroundTask } = await client.request<{ backgroundTask: BackgroundAnswer }>(
    `query Q($id: ID!) { backgroundTask(id: $id) { ${backgroundFields} } }`,
    { id },
  );
  return backgroundTask;
}

/** Follows a task to its end and answers every state that was told. */
export async function followBackground(client: TestClient, taskId: string): Promise<BackgroundAnswer[]> {
  const states: BackgroundAnswer[] = [];
  const events = client.subscribe<{ backgroundTask: BackgroundAnswer }>(
    'sse',
    `subscription S($taskId: ID!) { backgroundTask(taskId: $taskId) { ${backgroundFields} } }`,
    { taskId },
  );
  for await (const { backgroundTask } of events) states.push(backgroundTask);
  return states;
}

/** Fetches a file that a task made. */
export async function fetchMade(
  server: TestServer,
  user: Pick<TestUser, 'apiKey'> | null,
  url: string,
  headers: Record<string, string> = {},
): Promise<{ response: Response; bytes: Buffer }> {
  const response = await fetch(new URL(url, server.url), {
    headers: { ...(user ? { 'x-api-key': user.apiKey } : {}), ...headers },
  });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
}
