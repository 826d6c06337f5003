import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatGpt, node, say } from '../archive/builders.ts';
import { type AttachedFile, withFiles } from '../support/conversations.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';

const ALTERNATIVES = 600;
const FILES = 130;
const nameOf = (index: number) => `a${String(index).padStart(3, '0')}`;
const answers = Array.from({ length: ALTERNATIVES }, (_, index) =>
  node(nameOf(index), 'q', say('assistant', `answer ${index}`)),
);
const broad = chatGpt([node('root', null, null), node('q', 'root', say('user', 'Again?')), ...answers], {
  conversation_id: 'broad',
  title: 'Broad',
  current_node: 'a000',
});
const files = Array.from(
  { length: FILES },
  (_, index): AttachedFile => ({ id: `file-${String(index).padStart(3, '0')}`, name: `${index}.txt` }),
);

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await userWith(server, [broad, withFiles('laden', ...files)]);
});
afterAll(() => server.close());

/** Of the last message of the conversation with many alternatives. */
const ofLast = (fields: string) => `{ conversations(first: 5) { edges { node { title
  messages(path: ALL, last: 1) { edges { node { ${fields} } } } } } } }`;

interface Siblings {
  externalId: string;
  siblingCount: number;
  siblings: Siblings[];
}
interface Found {
  conversations: { edges: { node: { title: string; messages: { edges: { node: Siblings }[] } } }[] };
}

const lastOf = ({ conversations }: Found) =>
  conversations.edges.find(({ node: { title } }) => title === 'Broad')?.node.messages.edges[0]?.node;

test('alternatives end after 100, in order, and are still counted whole', async () => {
  const last = lastOf(
    await user.client.request<Found>(
      ofLast(
        'siblingCount siblings { externalId siblings { externalId } } parent { children { externalId } }',
      ),
    ),
  );
  const first100 = answers.slice(0, 100).map((_, index) => ({ externalId: nameOf(index) }));
  expect(last).toEqual({
    siblingCount: ALTERNATIVES,
    siblings: first100.map((each) => ({ ...each, siblings: first100 })),
    parent: { children: first100 },
  });
});

test('an operation that would read ever more of them is refused, and in its place the server answers others', async () => {
  const { errors } = await user.client.ask(ofLast('siblings { siblings { siblings { externalId } } }'));
  expect(errors).toMatchObject([
    {
      message: expect.stringMatching(/more than 20000 rows.*nest fewer/),
      extensions: { code: 'INVALID_INPUT' },
    },
  ]);
  const single = await user.client.ask(ofLast('siblings { siblings { conversation { id } } }'));
  expect(single.errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
  // The next operation has a budget of its own.
  expect((await user.client.ask(ofLast('siblings { externalId }'))).errors).toBeUndefined();
});

test('files of a message and of a conversation end after 100, in order of appearance', async () => {
  interface Laden {
    conversations: {
      edges: { node: { assets: Named[]; messages: { edges: { node: { assets: Named[] } }[] } } }[];
    };
  }
  type Named = { externalId: string };
  const found = await user.client.request<Laden>(
    `{ conversations(first: 5) { edges { node {
      assets { externalId } messages { edges { node { assets { externalId } } } } } } } }`,
  );
  const ids = (assets: Named[]) => assets.map(({ externalId }) => externalId);
  const first100 = files.slice(0, 100).map(({ id }) => id);
  const nodes = found.conversations.edges.map((edge) => edge.node);
  expect(nodes.map((each) => ids(each.assets)).toSorted()).toEqual([[], first100]);
  const ofMessages = nodes.flatMap((each) => each.messages.edges.map((edge) => ids(edge.node.assets)));
  expect(ofMessages.filter((list) => list.length > 0)).toEqual([first100]);
});
