import { afterAll, beforeAll, expect, test } from 'vitest';
import { dated } from './support/dated.ts';
import { exportOf } from './support/exports.ts';
import { startTestServer, type TestServer } from './support/server.ts';
import { sync } from './support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const document = `query Q($timeZone: String!) {
  insights(timeZone: $timeZone) {
    conversations messages firstAt lastAt
    months { month role messages }
    models { month model messages }
    hours { weekday hour messages }
    topics { word conversations }
  }
}`;

test('Insights count what was said, by month, model, and hour of the viewer’s own clock', async () => {
  const user = await server.asUser();
  const conversations = [
    dated('one', 'Growing apple trees', [
      { role: 'user', at: '2024-05-31T23:30:00Z', text: 'How?' },
      { role: 'assistant', at: '2024-05-31T23:31:00Z', text: 'So.', model: 'gpt-4o' },
      { role: 'tool', at: '2024-05-31T23:32:00Z', text: 'unseen' },
    ]),
    dated('two', 'Pruning apple trees in 2024', [
      { role: 'user', at: '2024-06-03T08:00:00Z', text: 'When?' },
      { role: 'assistant', at: null, text: 'Nobody knows when this was said.', model: 'o3' },
    ]),
  ];
  await sync(user.client, server.exports.serve(await exportOf(conversations)).url);
  const { insights } = await user.client.request<{ insights: object }>(document, {
    timeZone: 'Europe/Berlin',
  });
  expect(insights).toEqual({
    conversations: 2,
    messages: 4,
    firstAt: '2024-05-31T23:30:00.000Z',
    lastAt: '2024-06-03T08:00:00.000Z',
    // In Berlin it was June already.
    months: [
      { month: '2024-06', role: 'assistant', messages: 1 },
      { month: '2024-06', role: 'user', messages: 2 },
    ],
    models: [{ month: '2024-06', model: 'gpt-4o', messages: 1 }],
    hours: [
      { weekday: 1, hour: 10, messages: 1 },
      { weekday: 6, hour: 1, messages: 2 },
    ],
    topics: [
      { word: 'apple', conversations: 2 },
      { word: 'trees', conversations: 2 },
      { word: 'growing', conversations: 1 },
      { word: 'pruning', conversations: 1 },
    ],
  });
});

test('Insights of an empty history are empty, and a time zone that is none is refused', async () => {
  const { client } = await server.asUser();
  const { insights } = await client.request<{ insights: object }>(document, { timeZone: 'UTC' });
  expect(insights).toEqual({
    conversations: 0,
    messages: 0,
    firstAt: null,
    lastAt: null,
    months: [],
    models: [],
    hours: [],
    topics: [],
  });
  for (const timeZone of ['+02:00', 'Middle/Earth', '']) {
    const { errors } = await client.ask(document, { timeZone });
    expect(errors?.[0]?.extensions?.code).toBe('INVALID_INPUT');
  }
});
