import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatGpt, node, say } from '../archive/builders.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';
import {
  connect,
  type McpClient,
  type ReadDocument,
  type ReadPage,
  type Recent,
  type Results,
} from './client.ts';

/** One message of 100,000 characters, cut anywhere in pairs of surrogates, among many short ones. */
const HUGE = `a${'🐋'.repeat(50_000)}`;
const COUNT = 130;
const texts = Array.from({ length: COUNT }, (_, index) => (index === 60 ? HUGE : `message ${index} of it`));
const ids = texts.map((_, index) => `m${index}`);

const long = {
  ...chatGpt(
    texts.map((text, index) =>
      node(`m${index}`, index === 0 ? null : `m${index - 1}`, say(index % 2 ? 'assistant' : 'user', text)),
    ),
  ),
  conversation_id: 'long',
  current_node: ids.at(-1),
};

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await userWith(server, [long]);
});
afterAll(() => server.close());

const open = async () => {
  const client = await connect(server.url, { 'x-api-key': user.apiKey });
  const { conversations } = await client.call<Recent>('list_recent');
  return { client, id: conversations[0]?.id ?? '' };
};

/** Every page from one on. */
async function readOn(client: McpClient, id: string, first: ReadPage, input: object): Promise<ReadPage[]> {
  const pages = [first];
  for (let next = first.next_cursor; next !== null; next = pages.at(-1)?.next_cursor ?? null) {
    pages.push(await client.call<ReadPage>('fetch_conversation', { id, ...input, after: next }));
  }
  return pages;
}

/** The texts of all pages, the parts of a message put together. */
function joined(pages: ReadPage[]): string[] {
  const whole: string[] = [];
  for (const { text, text_offset } of pages.flatMap(({ messages }) => messages)) {
    if (text_offset === 0) whole.push(text);
    else whole.push(`${whole.pop()}${text}`);
  }
  return whole;
}

test.each([3, 50])('A huge conversation is read without loss in pages of %i', async (first) => {
  const { client, id } = await open();
  const pages = await readOn(client, id, await client.call<ReadPage>('fetch_conversation', { id, first }), {
    first,
  });
  expect(joined(pages)).toEqual(texts);
  for (const { messages } of pages) {
    expect(messages.length).toBeLessThanOrEqual(first);
    expect(messages.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(30_000);
    for (const { text } of messages) expect(text.isWellFormed()).toBe(true);
  }
  const ofHuge = pages.flatMap(({ messages }) => messages).filter((each) => each.text_length > 1_000);
  expect(ofHuge.length).toBeGreaterThan(3);
  expect(new Set(ofHuge.map(({ text_length }) => text_length))).toEqual(new Set([HUGE.length]));
});

test('A page around a message begins shortly before it, and reads on to the end', async () => {
  const { client, id } = await open();
  const { results } = await client.call<Results>('search', { query: '"message 63 of it"' });
  const page = await client.call<ReadPage>('fetch_conversation', { id: results[0]?.id, first: 5 });
  expect(page.messages.map(({ text }) => text)).toEqual(texts.slice(61, 68));
  expect(joined(await readOn(client, id, page, { first: 40 }))).toEqual(texts.slice(61));

  // The huge one stands before it: only its beginning comes along.
  const next = await client.call<Results>('search', { query: '"message 61 of it"' });
  const led = await client.call<ReadPage>('fetch_conversation', { id: next.results[0]?.id, first: 1 });
  expect(led.messages.map(({ text }) => text.length)).toEqual([texts[59]?.length, 1_999, texts[61]?.length]);
  expect(led.messages[1]).toMatchObject({ text_offset: 0, text_length: HUGE.length });
});

test('A fetched document is bounded, and says how to read on', async () => {
  const { client, id } = await open();
  const document = await client.call<ReadDocument>('fetch', { id });
  expect(document.text.length).toBeLessThan(40_000);
  const after = document.metadata.next_cursor;
  expect(after).toBeDefined();
  const page = await client.call<ReadPage>('fetch_conversation', {
    id: document.metadata.conversation_id,
    after,
  });
  expect(page.messages[0]?.text).toBe('message 50 of it');
});

test('A cursor of another conversation or of none is refused', async () => {
  const { client, id } = await open();
  const cursor = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
  const wrong = [
    'x',
    cursor('ACTIVE', null, 'nobody', 0),
    cursor('ACTIVE', null, 'm1', -1),
    cursor(1),
    cursor('ALL', null, '\0', 0),
  ];
  for (const after of wrong) {
    expect(await client.failure('fetch_conversation', { id, after })).toBe(
      'This is not a cursor of this list, or what it stood for is gone; begin again without it.',
    );
  }
});
