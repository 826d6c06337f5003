import type { TestUser } from '../support/server.ts';
import { until } from '../support/until.ts';
import type { Stage } from './stage.ts';

const document = `query Search($query: String!, $mode: SearchMode, $filter: SearchFilter, $first: Int, $after: String) {
  search(query: $query, mode: $mode, filter: $filter, first: $first, after: $after) {
    mode totalCount totalCountCapped didYouMean
    edges { node { score snippet message { externalId } conversation { id } } }
    pageInfo { hasNextPage endCursor }
  }
}`;

export interface Answer {
  mode: string;
  totalCount: number;
  totalCountCapped: boolean;
  didYouMean: string | null;
  edges: {
    node: {
      score: number;
      snippet: string;
      message: { externalId: string };
      conversation: { id: string };
    };
  }[];
  pageInfo: { hasNextPage: boolean; endCursor: string };
}

/** Searches, and answers the page with the messages' ids in the export. */
export async function search(
  user: TestUser,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer & { ids: string[] }> {
  const { search: answer } = await user.client.request<{ search: Answer }>(document, { query, ...variables });
  return { ...answer, ids: answer.edges.map(({ node }) => node.message.externalId) };
}

interface Task {
  id: string;
  status: string;
  progress: { done: number; total: number };
  error: { code: string; message: string } | null;
}

/** The user's tasks that reckon vectors, the newest first. */
export async function tasksOf(user: TestUser): Promise<Task[]> {
  const { backgroundTasks } = await user.client.request<{ backgroundTasks: { edges: { node: Task }[] } }>(
    `{ backgroundTasks(kind: [EMBEDDING]) {
      edges { node { id status progress { done total } error { code message } } }
    } }`,
  );
  return backgroundTasks.edges.map(({ node }) => node);
}

/** Waits until so many tasks are there and over; answers the newest. */
export async function untilReckoned(user: TestUser, count = 1): Promise<Task> {
  const tasks = await until(
    `${count} tasks are over`,
    async () => {
      const all = await tasksOf(user);
      const isOver = all.every(({ status }) => status !== 'QUEUED' && status !== 'RUNNING');
      return all.length >= count && isOver ? all : null;
    },
    60_000,
  );
  const [newest] = tasks;
  if (!newest) throw new Error('No task was waited for.');
  return newest;
}

/** Which of a user's messages have a vector, as `conversation node` in no order; and of which model and length. */
export async function vectorsOf(
  stage: Stage,
  user: TestUser,
): Promise<{ nodeId: string; model: string; dimensions: number }[]> {
  return stage.server.services.database.query(
    `SELECT node_id AS "nodeId", model, dimensions FROM sidecar_vectors.message_vectors
     WHERE user_id = $1 AND embedding IS NOT NULL ORDER BY node_id`,
    [user.viewer.userId],
  );
}
