import { expect } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import type { TestClient, Transport } from '../support/client.ts';
import { exportOf } from '../support/exports.ts';
import { startSync, sync, type TaskAnswer, untilOver } from '../support/syncs.ts';
import { marker, type World } from './world.ts';

const transports: Transport[] = ['sse', 'websocket'];

/** How a subscription to a row is refused. */
async function refusal(world: World, transport: Transport, document: string, variables: object) {
  const events = world.other.client.subscribe(transport, document, { ...variables });
  return events.next().then(
    (answer) => {
      throw new Error(`It was not refused: ${JSON.stringify(answer)}`);
    },
    (error) => String(error.message),
  );
}

/** Somebody else's row is refused as one that nobody has. */
async function refusesForeign(world: World, document: string, name: string, type: string): Promise<void> {
  for (const transport of transports) {
    const foreign = await refusal(world, transport, document, { [name]: world.foreign(type) });
    expect(foreign).toContain('NOT_FOUND');
    world.expectNoTrace(foreign);
    expect(foreign).toBe(await refusal(world, transport, document, { [name]: world.unknown(type) }));
  }
}

/** Every field of Subscription. */
export const subscriptions: Record<string, (world: World) => Promise<void>> = {
  syncStatus: (world) =>
    refusesForeign(
      world,
      'subscription S($taskId: ID!) { syncStatus(taskId: $taskId) { id source } }',
      'taskId',
      'SyncTask',
    ),
  backgroundTask: (world) =>
    refusesForeign(
      world,
      'subscription S($taskId: ID!) { backgroundTask(taskId: $taskId) { id fileName } }',
      'taskId',
      'BackgroundTask',
    ),
  async chat(world) {
    const events = '{ __typename ... on ChatContext { context { quote conversation { title } } } }';
    const onRow = (name: string, question: string) =>
      `subscription S($id: ID!) { chat(input: { ${name}: $id ${question} }) ${events} }`;
    await refusesForeign(world, onRow('sessionId', 'query: "and then?"'), 'id', 'ChatSession');
    await refusesForeign(world, onRow('retryTurnId', ''), 'id', 'ChatTurn');
    const ask = async (client: TestClient) => {
      const stream = client.subscribe(
        'sse',
        `subscription { chat(input: { query: "Where is the ${marker}?" }) ${events} }`,
      );
      const answers = [];
      for await (const answer of stream) answers.push(answer);
      return JSON.stringify(answers);
    };
    expect(await ask(world.first)).toMatch(new RegExp(`"title":"${marker}"`));
    world.expectNoTrace(await ask(world.other.client));
  },
  async syncActivity({ server, first, other, file, expectNoTrace }) {
    const events = other.client.subscribe<{ syncActivity: TaskAnswer }>(
      'sse',
      'subscription { syncActivity { id source status } }',
    );
    const next = events.next();
    // The first user's sync begins and ends while the other one listens.
    expect(await sync(first, file.url)).toMatchObject({ counts: { added: 0 } });
    const own = await startSync(other.client, server.exports.serve(await exportOf([dialogue('heard')])).url);
    const { value } = await next;
    expect(value.syncActivity).toMatchObject({ id: own.id });
    expectNoTrace(JSON.stringify(value));
    await events.return?.();
    await untilOver(other.client, own.id);
  },
};
