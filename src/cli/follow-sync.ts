import type { Client } from './client.ts';
import { openProgressBar, type ProgressStream, type TaskView } from './progress-bar.ts';

const TASK_FIELDS = `
  id status phase seq source
  progress { fraction bytesDone bytesTotal conversationsDone conversationsTotal perSecond etaSeconds queuePosition }
  counts { added updated unchanged skipped failed messagesAdded assetsAdded }
  error { code message }`;

/** A task as it ended. */
export type EndedTask = TaskView & {
  id: string;
  error: { code: string; message: string } | null;
  counts: TaskView['counts'] & { messagesAdded: number; assetsAdded: number };
};

/** Queues a sync over GraphQL and answers its task's id. Throws when the server refuses. */
export async function startSync(client: Client, exportUrl: string): Promise<string> {
  const { startSync: started } = await client.request<{ startSync: { id?: string; message?: string } }>(
    `mutation Start($exportUrl: String!) {
       startSync(input: { exportUrl: $exportUrl }) { ... on SyncTask { id } ... on Error { message } }
     }`,
    { exportUrl },
  );
  if (!started.id) throw new Error(started.message ?? 'The sync was not started.');
  return started.id;
}

/** Shows a task on `output`, fed by the subscription, until it is over. */
export async function followSync(client: Client, taskId: string, output: ProgressStream): Promise<EndedTask> {
  const bar = openProgressBar(output);
  const query = `subscription Watch($taskId: ID!) { syncStatus(taskId: $taskId) { ${TASK_FIELDS} } }`;
  let last: EndedTask | null = null;
  try {
    for await (const event of client.subscribe<{ syncStatus: EndedTask }>(query, { taskId })) {
      last = event.syncStatus;
      bar.update(last);
    }
  } finally {
    bar.stop();
  }
  if (last?.phase !== 'DONE') throw new Error('The server stopped reporting before the sync was over.');
  return last;
}

/** What came of it, in lines for a person. */
export function describeOutcome({ status, counts, error }: EndedTask): string {
  const lines = [
    `${status}: ${counts.added} conversations added, ${counts.updated} updated, ${counts.unchanged} unchanged, ` +
      `${counts.skipped} skipped, ${counts.failed} failed; ${counts.messagesAdded} messages added.`,
  ];
  if (error) lines.push(`${error.code}: ${error.message}`);
  return `${lines.join('\n')}\n`;
}
