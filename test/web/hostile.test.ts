import { expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { sync } from '../support/syncs.ts';
import { setWebStage, visit } from './stage.ts';

const stage = setWebStage();

/** Sets a mark that a test looks for, in whatever way it is made to run. */
const SCRIPT = 'window.hacked=1;document.title="hacked"';
const HTML = `<script>${SCRIPT}</script><img src=x onerror='${SCRIPT}'><svg onload='${SCRIPT}'></svg>`;
const TRACKER = 'https://tracker.example/pixel.png';

const MARKDOWN = `${HTML}

[click](javascript:${SCRIPT}) ![seen](${TRACKER}) <iframe src="https://tracker.example/"></iframe>

<style>* { display: none }</style>

\`\`\`html
${HTML}
\`\`\`

\\(\\href{javascript:${SCRIPT}}{x} \\includegraphics{${TRACKER}}\\)

| ${HTML} |
| --- |
| data:text/html,${HTML} |

[data](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==) <a id="root" name="root">clobber</a>
`;

/** Each looks for its other half among all that follow. */
const MARKS = '*_a'.repeat(2_100);

test('An export that wants to run, to load and to lure does nothing of it on any page', async () => {
  const user = await stage.server.asUser();
  const attachments = [
    { id: 'file-svg', name: `${HTML}.svg`, mime_type: 'image/svg+xml' },
    { id: 'file-html', name: 'page.html', mime_type: 'text/html' },
  ];
  const { mapping } = chatGpt([
    node('q', null, say('user', MARKDOWN, { metadata: { attachments } }), { children: ['a'] }),
    node(
      'a',
      'q',
      say('assistant', MARKDOWN, { create_time: 1_700_000_000, metadata: { model_slug: HTML } }),
      { children: ['m'] },
    ),
    node('m', 'a', say('user', MARKS), { children: [] }),
  ]);
  const conversation = dialogue('hostile', { mapping, current_node: 'm', title: `Findme ${HTML}` });
  const zip = await zipOf({
    'conversations.json': JSON.stringify([conversation, { id: 'shell', title: HTML, mapping: {} }]),
    'file-svg-x.svg': `<svg xmlns="http://www.w3.org/2000/svg" onload="${SCRIPT.replaceAll('"', "'")}"><script>${SCRIPT}</script></svg>`,
    'file-html-page.html': `<!doctype html><script>${SCRIPT}</script>`,
  });
  await sync(user.client, stage.server.exports.serve(zip).url);

  const { page, context, complaints, leave } = await visit(stage, '/conversations', { apiKey: user.apiKey });
  const foreign: string[] = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== stage.server.url) foreign.push(request.url());
  });
  const expectHarmless = async () => {
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.title()).not.toBe('hacked');
    expect(await page.locator('iframe, main script, main style, main svg[onload], [onerror]').count()).toBe(
      0,
    );
  };
  await page.getByRole('link', { name: /Findme/ }).click();
  await page.getByRole('heading', { name: /Findme/ }).waitFor();
  await page.locator('.markdown table').waitFor();
  await page.locator('math').waitFor();
  await expectHarmless();
  const targets = await page
    .locator('main a')
    .evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''));
  expect(targets.filter((href) => /^\s*(javascript|data|vbscript):/i.test(href))).toEqual([]);
  await page.locator('.plain-text', { hasText: MARKS }).waitFor();
  // The image of another server is a link, and a click opens it elsewhere.
  const image = page.getByRole('link', { name: 'seen (tracker.example)' });
  expect(await image.getAttribute('rel')).toContain('noopener');

  // An attachment that is a page is opened as nothing that runs.
  for (const link of ['.svg', 'page.html']) {
    const href = targets.find((each) => each.startsWith('/assets/')) ?? '';
    const answer = await context.request.get(href);
    expect(answer.headers()['content-security-policy'], link).toContain('sandbox');
  }
  await page.goto('/search?q=findme');
  await page.locator('.hit').first().waitFor();
  await expectHarmless();
  await page.goto('/import');
  await page.getByText('What was left out, and why').click();
  await page.getByText('It has no messages.').waitFor();
  await expectHarmless();
  await page.goto('/insights');
  await page.getByRole('img', { name: 'Answers by model' }).waitFor();
  await expectHarmless();
  expect(foreign).toEqual([]);
  expect(complaints).toEqual([]);
  await leave();
});

test('Nothing that an export holds keeps the page from being read', async () => {
  const user = await stage.server.asUser();
  const table = `|${'a|'.repeat(5_000)}\n|${'-|'.repeat(5_000)}\n${'|x\n'.repeat(2_500)}`;
  const brackets = ']'.repeat(59_000);
  const items = `${'- '.repeat(20)}a\n`.repeat(1_400);
  const formula = `$$\\def\\a{${'x'.repeat(5_000)}}${'\\a '.repeat(900)}$$`;
  const code = (text: string) => `\`\`\`js\n${text}\n\`\`\``;
  const texts = [
    table,
    brackets,
    items,
    formula,
    code('a'.repeat(59_000)),
    `${code('const a = 1;')}\n\n$$x^2$$`,
  ];
  const nodes = texts.map((text, index) =>
    node(`m${index}`, index === 0 ? null : `m${index - 1}`, say('assistant', text), {
      children: index + 1 < texts.length ? [`m${index + 1}`] : [],
    }),
  );
  const { mapping } = chatGpt(nodes);
  const conversation = dialogue('slow', { mapping, current_node: `m${texts.length - 1}` });
  await sync(user.client, stage.server.exports.serve(await exportOf([conversation])).url);
  const { page, leave } = await visit(stage, '/conversations', { apiKey: user.apiKey });
  await page.getByRole('link', { name: /Title of slow/ }).click();
  const messages = page.locator('.message');
  // What is coloured and drawn comes last, so that the rest was there to be drawn as well.
  await messages.nth(5).locator('math').waitFor({ state: 'attached' });
  await messages.nth(5).locator('.hljs-keyword').waitFor({ state: 'attached' });
  expect(await messages.locator('.plain-text').count()).toBe(3);
  expect(await page.locator('math, .hljs-keyword').count()).toBe(2);
  expect(await messages.nth(3).locator('.markdown').textContent()).toContain('def');
  expect((await messages.nth(4).locator('pre').textContent())?.trim()).toHaveLength(59_000);
  await leave();
}, 60_000);

test('Two people in two browsers see each other’s history nowhere', async () => {
  const [first, second] = [await stage.server.asUser(), await stage.server.asUser()];
  await sync(
    first.client,
    stage.server.exports.serve(await zipOf({ 'conversations.json': JSON.stringify([dialogue('secret')]) }))
      .url,
  );
  const own = await visit(stage, '/conversations', { apiKey: first.apiKey });
  await own.page.getByRole('link', { name: /Title of secret/ }).click();
  await own.page.getByText('answer of secret').waitFor();
  const other = await visit(stage, new URL(own.page.url()).pathname, { apiKey: second.apiKey });
  await other.page.getByRole('heading', { name: 'This conversation is not here' }).waitFor();
  await other.page.goto('/search?q=secret');
  await other.page.getByText('Nothing found').waitFor();
  await other.page.goto('/import');
  await other.page.getByText('Nothing imported yet').waitFor();
  await own.leave();
  await other.leave();
});
