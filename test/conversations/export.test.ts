import unzipper from 'unzipper';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { markdownToHtml } from '../../src/domain/conversation/html.ts';
import { readWholeConversations } from '../../src/domain/conversation/whole.ts';
import type { Services } from '../../src/domain/services.ts';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import { askBackground, fetchMade, followBackground } from '../support/background.ts';
import { withFiles } from '../support/conversations.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';

const hostile =
  '# Hello\n<script>alert(1)</script>\n\n[x](javascript:alert(2)) ![pic](https://evil.example/p.png)\n\n- a\n- b';

/** Two answers, of which the second is shown, and a thought. */
const branched = {
  ...chatGpt([
    node('root', null, null),
    node('q', 'root', say('user', hostile)),
    node('a1', 'q', say('assistant', 'The first answer.')),
    node('a2', 'q', say('assistant', 'The **second** answer.')),
    node('t', 'a2', say('tool', 'what a tool found')),
  ]),
  conversation_id: 'branched',
  title: 'A <b>title</b>/with\nlines',
  create_time: 1_700_000_000,
  current_node: 't',
};

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await server.asUser();
  const zip = await exportOf([
    branched,
    dialogue('plain'),
    withFiles('files', { id: 'file-A', name: 'a.png' }),
  ]);
  expect(await sync(user.client, server.exports.serve(zip).url)).toMatchObject({ status: 'COMPLETED' });
});
afterAll(() => server.close());

async function urlOf(externalId: string, args: string): Promise<string> {
  const { conversations } = await user.client.request<{
    conversations: { edges: { node: { exportUrl: string } }[] };
  }>(
    `query Q($externalId: String) { conversations(filter: { externalId: $externalId }) {
      edges { node { exportUrl${args} } }
    } }`,
    { externalId },
  );
  return conversations.edges[0]?.node.exportUrl ?? '';
}

async function download(externalId: string, args: string) {
  const { response, bytes } = await fetchMade(server, user, await urlOf(externalId, args));
  expect(response.status).toBe(200);
  return { headers: response.headers, text: bytes.toString() };
}

test('a conversation leaves as Markdown that says what was said on the path that is shown', async () => {
  const { headers, text } = await download('branched', '(format: MARKDOWN)');
  expect(headers.get('content-type')).toBe('text/markdown; charset=utf-8');
  expect(headers.get('content-disposition')).toMatch(/^attachment; .*\.md/);
  expect(text).toMatch(/^# A <b>title<\/b>\/with lines\n/);
  expect(text).toContain('- Began: 2023-11-14T22:13:20.000Z');
  expect(text).toContain('## Assistant · 2 of 2\n\nThe **second** answer.');
  expect(text).not.toContain('first answer');
  expect(text).not.toContain('what a tool found');
  const all = await download('branched', '(format: MARKDOWN, path: ALL)');
  expect(all.text).toContain('The first answer.');
  expect((await download('files', '')).text).toContain('*Attachment: a.png*');
});

test('a conversation leaves as JSON with every message and branch', async () => {
  const { headers, text } = await download('branched', '(format: JSON)');
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  const { messages, ...head } = JSON.parse(text);
  expect(head).toMatchObject({
    externalId: 'branched',
    provider: 'chatgpt',
    messageCount: 4,
    branchCount: 2,
  });
  expect(messages.map(({ nodeId }: { nodeId: string }) => nodeId)).toEqual(['q', 'a1', 'a2', 't']);
  expect(messages[3]).toMatchObject({
    kind: 'TOOL',
    parentNodeId: 'a2',
    onActivePath: true,
    text: 'what a tool found',
  });
  const active = JSON.parse((await download('branched', '(format: JSON, path: ACTIVE)')).text);
  expect(active.messages).toHaveLength(3);
});

test('a conversation leaves as a page in which nothing that was said can run or fetch', async () => {
  const { headers, text } = await download('branched', '(format: HTML)');
  expect(headers.get('content-type')).toMatch(/^text\/html/);
  expect(headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'/);
  expect(text).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  expect(text).toContain('The <strong>second</strong> answer.');
  expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(text).toContain('<title>A &lt;b&gt;title&lt;/b&gt;');
  expect(text).not.toMatch(/<script|javascript:|<img|<b>/);
});

test.each([
  ['<img src=x onerror=alert(1)>', 'an element'],
  ['[a](data:text/html;base64,PHNjcmlwdD4=)', 'a data URL'],
  ['[a](JaVaScRiPt:alert(1))', 'a script URL in mixed case'],
  ['[a](<java\nscript:alert(1)>)', 'a script URL over two lines'],
  ['![a](javascript:alert(1))', 'a picture that is a script'],
  ['<svg><style><img src=x onerror=alert(1)></style></svg>', 'markup in markup'],
  ['[a]: javascript:alert(1)\n\n[a]', 'a reference'],
  ['<https://x.example/"onmouseover="alert(1)>', 'a quote in an address'],
  ['```"><script>alert(1)</script>\ncode\n```', 'a language that breaks out'],
])('%s is harmless: %s', (text) => {
  const html = markdownToHtml(text);
  expect(html).not.toMatch(/<(?!\/?(?:p|a|pre|code|br)\b)/i);
  expect(html).not.toMatch(/<[^>]*\s(?:on\w+|style|src)\s*=/i);
  expect(html).not.toMatch(/href="(?!https?:|mailto:)/i);
});

test('text that would overwhelm a parser is shown as it is', () => {
  for (const text of ['>', '[', 'x', '* ', '!', '~_', '\\[', '=:](http://-', '+\t', '\n1. a']) {
    expect(markdownToHtml(text.repeat(49_000 / text.length))).toMatch(/^<(?:pre|p|hr|ol)\b/);
  }
  expect(markdownToHtml('x'.repeat(60_000))).toMatch(/^<pre>/);
});

test.each(['*_a', '**a_*', '_a__', '__a_', '_a', '~_a~', '*1.', '_www.'])(
  'marks of emphasis without end, such as %s, are shown as they are',
  (marks) => {
    const text = marks.repeat(49_000 / marks.length);
    expect(markdownToHtml(text)).toBe(`<pre>${text}</pre>`);
  },
);

test('rich text of some length is no trouble', () => {
  const paragraph =
    '**Bold** and *slanted*, ~~gone~~, some_snake_case_name, 2 * 3 * 4, `a_*code*_b` and a_stray *mark.\n- an *item*\n\n';
  const html = markdownToHtml(`# Title\n\n${paragraph.repeat(100)}\`\`\`\n${'_a*b '.repeat(500)}\n\`\`\``);
  expect(html).toContain('<h1>Title</h1>');
  expect(
    html.match(/<strong>Bold<\/strong> and <em>slanted<\/em>, <del>gone<\/del>, some_snake/g),
  ).toHaveLength(100);
  expect(markdownToHtml(`${'a_name of_things and *words* '.repeat(200)}`).match(/<em>/g)).toHaveLength(200);
});

test('however long the texts are, few of them are in memory at once', async () => {
  const { client, viewer } = await server.asUser();
  const talks = Array.from({ length: 5 }, (_, n) => dialogue(`long-${n}`));
  await sync(client, server.exports.serve(await exportOf(talks)).url);
  const { database, prisma } = server.services;
  // Of two conversations each message is longer than what is read at once.
  await database.query(
    `UPDATE messages m SET text = repeat('ä', CASE WHEN external_id < 'long-2' THEN 4500000 ELSE 700000 END)
     FROM conversations c WHERE c.user_id = $1 AND m.user_id = c.user_id AND m.conversation_id = c.id`,
    [viewer.userId],
  );
  const reads: number[] = [];
  const watched = prisma.$extends({
    query: {
      message: {
        async findMany({ args, query }) {
          const rows = await query(args);
          reads.push(rows.reduce((bytes, { text = '' }) => bytes + Buffer.byteLength(text), 0));
          return rows;
        },
      },
    },
  });
  const services = { ...server.services, prisma: watched } as unknown as Services;
  const seen: string[] = [];
  for await (const { head, messages } of readWholeConversations(services, viewer.userId)) {
    for await (const { nodeId } of messages) seen.push(`${head.externalId} ${nodeId}`);
  }
  expect(seen.toSorted()).toEqual(talks.flatMap((_, n) => [`long-${n} a`, `long-${n} q`]));
  expect(reads.filter((bytes) => bytes === 9_000_000)).toHaveLength(4);
  expect(Math.max(...reads)).toBe(9_000_000);
  expect(reads.length).toBeLessThan(9);
});

test('an export of one conversation is refused for what is none', async () => {
  const url = await urlOf('plain', '');
  const other = await server.asUser();
  expect((await fetchMade(server, other, url)).response.status).toBe(404);
  expect((await fetchMade(server, null, url)).response.status).toBe(401);
  expect((await fetchMade(server, user, '/conversations/x/export')).response.status).toBe(404);
  const { response, bytes } = await fetchMade(server, user, url.replace('markdown', 'pdf'));
  expect(response.status).toBe(422);
  expect(JSON.parse(bytes.toString()).detail).toMatchObject([{ loc: ['query', 'format'] }]);
});

test('all that a filter matches leaves as a zip, and nothing else', async () => {
  const zipped = async (input: object) => {
    const { id } = await askBackground(
      user.client,
      'exportConversations(input: $input)',
      { input },
      '($input: ExportConversationsInput!)',
    );
    const last = (await followBackground(user.client, id)).at(-1);
    expect(last).toMatchObject({ status: 'COMPLETED', kind: 'CONVERSATION_EXPORT' });
    const { bytes } = await fetchMade(server, user, last?.downloadUrl ?? '');
    const { files } = await unzipper.Open.buffer(bytes);
    const texts = await Promise.all(
      files.map(async (file) => [file.path, String(await file.buffer())] as const),
    );
    return { last, files: new Map(texts) };
  };
  const all = await zipped({});
  expect(all.last?.progress).toMatchObject({ done: 3, total: 3 });
  expect([...all.files.keys()].toSorted()).toEqual([
    expect.stringMatching(/^2023-11-14 A b title b with lines [0-9a-f]{12}\.md$/),
    expect.stringMatching(/^2023-11-14 Title of files [0-9a-f]{12}\.md$/),
    expect.stringMatching(/^2023-11-14 Title of plain [0-9a-f]{12}\.md$/),
    'manifest.json',
  ]);
  const some = await zipped({ filter: { hasAttachments: true }, format: 'HTML' });
  const [name] = [...some.files.keys()];
  expect(name).toMatch(/Title of files .*\.html$/);
  expect(some.files.get(name ?? '')).toContain('<!doctype html>');
  expect(some.files.size).toBe(2);
  const dated = await zipped({ filter: { createdBefore: '2001-01-01T00:00:00Z' }, format: 'JSON' });
  expect([...dated.files.keys()]).toEqual(['manifest.json']);
  // Half of a character, which JSON can hold and PostgreSQL's cannot.
  const cut = await zipped({ filter: { title: 'plain \ud83d' } });
  expect([...cut.files.keys()]).toEqual(['manifest.json']);
});
