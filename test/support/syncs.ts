import type { Tally } from '../../src/domain/sync/lease.ts';
import type { TestClient } from './client.ts';

export const taskFields = `
  id trigger status phase seq source attempt createdAt startedAt finishedAt
  progress { fraction bytesDone bytesTotal conversationsDone conversationsTotal queuePosition }
  counts { added updated unchanged skipped failed messagesAdded assetsAdded }
  error { code message }`;

export interface TaskAnswer {
  id: string;
  trigger: string;
  status: string;
  phase: string;
  seq: number;
  source: string;
  attempt: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  progress: {
    fraction: number;
    bytesDone: number;
    bytesTotal: number;
    conversationsDone: number;
    conversationsTotal: number | null;
    queuePosition: number | null;
  };
  counts: Tally;
  error: { code: string; message: string } | null;
}

export const startMutation = `mutation Start($exportUrl: String) {
  startSync(input: { exportUrl: $exportUrl }) {
    __typename
    ... on SyncTask { ${taskFields} }
    ... on Error { message code }
    ... on InvalidInput { fieldErrors { path message } }
    ... on Conflict { task { id status } }
  }
}`;

export const statusQuery = `query Status($taskId: ID!) { syncStatus(taskId: $taskId) { ${taskFields} } }`;
export const statusSubscription = `subscription Watch($taskId: ID!) { syncStatus(taskId: $taskId) { ${taskFields} } }`;

/** Starts a sync that must begin. */
export async function startSync(client: TestClient, exportUrl: string): Promise<TaskAnswer> {
  const { startSync: task } = await client.request<{ startSync: TaskAnswer & { __typename: string } }>(
    startMutation,
    { exportUrl },
  );
  if (task.__typename !== 'SyncTask') throw new Error(`The sync did not begin: ${JSON.stringify(task)}`);
  return task;
}

/** The task as it is now. */
export async function readTask(client: TestClient, taskId: string): Promise<TaskAnswer> {
  const { syncStatus } = await client.request<{ syncStatus: TaskAnswer }>(statusQuery, { taskId });
  return syncStatus;
}

/** Follows a task to its end over SSE and answers its last state. */
export async function untilOver(client: TestClient, taskId: string): Promise<TaskAnswer> {
  let last: TaskAnswer | null = null;
  const events = client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, { taskId });
  for await (const { syncStatus } of events) last = syncStatus;
  if (!last) throw new Error('The subscription ended without any state.');
  return last;
}

/** Imports what lies at a URL and answers how it ended. */
export async function sync(client: TestClient, exportUrl: string): Promise<TaskAnswer> {
  const { id } = await startSync(client, exportUrl);
  return untilOver(client, id);
}

export type TaskMutation = 'cancelSync' | 'retrySync' | 'undoSync';

/** Asks for a change of a task; the answer is the task, or the error with its `__typename`. */
export async function changeTask(
  client: TestClient,
  mutation: TaskMutation,
  taskId: string,
): Promise<TaskAnswer & { __typename: string }> {
  const conflict = mutation === 'cancelSync' ? '' : '... on Conflict { task { id status } }';
  const { answer } = await client.request<{ answer: TaskAnswer & { __typename: string } }>(
    `mutation Change($taskId: ID!) {
      answer: ${mutation}(taskId: $taskId) {
        __typename
        ... on SyncTask { ${taskFields} }
        ... on Error { message code }
        ${conflict}
      }
    }`,
    { taskId },
  );
  return answer;
}

export interface ProblemAnswer {
  outcome: string;
  code: string;
  reason: string;
  externalId: string | null;
}

/** A task's problems, all on one page. */
export async function problemsOf(client: TestClient, taskId: string): Promise<ProblemAnswer[]> {
  const { syncStatus } = await client.request<{
    syncStatus: { problems: { edges: { node: ProblemAnswer }[] } };
  }>(
    `query Problems($taskId: ID!) {
      syncStatus(taskId: $taskId) { problems(first: 100) { edges { node { outcome code reason externalId } } } }
    }`,
    { taskId },
  );
  return syncStatus.problems.edges.map((edge) => edge.node);
}

/** The sum of a task's outcomes. */
export const foundBy = ({ counts }: TaskAnswer) =>
  counts.added + counts.updated + counts.unchanged + counts.skipped + counts.failed;
