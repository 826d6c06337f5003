import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatGpt, node, say } from '../archive/builders.ts';
import { importAll, startChatServer } from '../support/chats.ts';
import type { Transport } from '../support/client.ts';

const answers = Array.from({ length: 100 }, (_, index) =>
  node(`a${index}`, 'q', say('assistant', `marrowfat ${index}`)),
);
const broad = chatGpt([node('root', null, null), node('q', 'root', say('user', 'Again?')), ...answers], {
  conversation_id: 'broad',
  title: 'Broad',
  current_node: 'a0',
});

let chat: Awaited<ReturnType<typeof startChatServer>>;
beforeAll(async () => {
  chat = await startChatServer();
  await importAll(chat.server, chat.server.client, [broad]);
});
afterAll(() => chat.close());

const transports: Transport[] = ['sse', 'websocket'];

interface Cited {
  context: { message: { siblings: { siblings: unknown[] }[] } }[];
}
interface Told {
  chat: { context?: Cited['context']; turn?: Cited };
}

function watch(transport: Transport, siblings: string) {
  const context = `context { message { ${siblings} } }`;
  return chat.server.client.subscribe<Told>(
    transport,
    `subscription { chat(input: { query: "marrowfat", k: 1 }) {
      ... on ChatContext { ${context} }
      ... on ChatStarted { turn { ${context} } }
      ... on ChatDone { turn { ${context} } }
    } }`,
  );
}

test.each(transports)(
  'events over %s that read more rows together than one may are all told',
  async (transport) => {
    const counts: number[] = [];
    for await (const { chat: event } of watch(transport, 'siblings { siblings { id } }')) {
      const [cited] = event.context ?? event.turn?.context ?? [];
      if (cited) counts.push(cited.message.siblings.flatMap((each) => each.siblings).length);
    }
    expect(counts).toEqual([10_000, 10_000, 10_000]);
  },
);

test.each(transports)('an event over %s that reads too many rows is refused once', async (transport) => {
  const error = await watch(transport, 'siblings { siblings { siblings { id } } }')
    .next()
    .catch((reason: Error) => reason);
  expect(String(error).match(/more than 20000 rows/g)).toHaveLength(1);
});
