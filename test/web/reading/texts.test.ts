import { expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../../archive/builders.ts';
import { zipOf } from '../../support/exports.ts';
import { sync } from '../../support/syncs.ts';
import { setWebStage, violationsOf, visit } from '../stage.ts';

const stage = setWebStage();

/** A page on a conversation of one question, with this file, and one answer. */
async function read(question: string, answer: string, options = {}) {
  const user = await stage.server.asUser();
  const attachments = [
    { id: 'file-drawing', name: 'drawing.svg', mime_type: 'image/svg+xml' },
    { id: 'file-voice', name: 'voice.wav', mime_type: 'audio/wav' },
    { id: 'file-long', name: `${'n'.repeat(80)}.pdf`, mime_type: 'application/pdf' },
  ];
  const { mapping } = chatGpt([
    node('q', null, say('user', question, { metadata: { attachments } }), { children: ['a'] }),
    node('a', 'q', say('assistant', answer), { children: [] }),
  ]);
  const zip = await zipOf({
    'conversations.json': JSON.stringify([dialogue('text', { mapping, title: 'Only this' })]),
    'file-drawing-drawing.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    'file-voice-voice.wav': Buffer.from('RIFF$\0\0\0WAVEfmt ', 'latin1'),
    'file-long-n.pdf': '%PDF-1.4',
  });
  await sync(user.client, stage.server.exports.serve(zip).url);
  const visited = await visit(stage, '/conversations', { apiKey: user.apiKey, ...options });
  await visited.page.getByRole('link', { name: /Only this/ }).click();
  await visited.page.locator('.markdown').waitFor();
  return visited;
}

test('Text that runs from right to left does so, whatever stands beside it', async () => {
  const { page, leave } = await read('مرحبا! (test)\nplain', 'مرحبا بك.\n\nAnd in English.\n\n- عنصر');
  /** At which edge of its paragraph, or of its text, a word stands. */
  const edgeOf = (word: string) =>
    page.evaluate((wanted) => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const at = text.textContent?.indexOf(wanted) ?? -1;
        if (at < 0 || !text.parentElement?.closest('.message')) continue;
        const range = document.createRange();
        range.setStart(text, at);
        range.setEnd(text, at + wanted.length);
        const [inner, outer] = [range.getBoundingClientRect(), text.parentElement.getBoundingClientRect()];
        return inner.left - outer.left < outer.right - inner.right ? 'left' : 'right';
      }
      return 'nowhere';
    }, word);
  expect(await edgeOf('مرحبا!')).toBe('right');
  expect(await edgeOf('plain')).toBe('left');
  expect(await edgeOf('مرحبا بك')).toBe('right');
  expect(await edgeOf('And in English')).toBe('left');
  expect(await edgeOf('عنصر')).toBe('right');
  await leave();
});

test('An image that cannot be drawn can be saved', async () => {
  const { page, leave } = await read('Look', 'Nice');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'drawing.svg' }).and(page.locator('[download]')).click();
  expect((await download).suggestedFilename()).toBe('drawing.svg');
  await leave();
});

test('On a phone a conversation fits, with its files, and has no violation, nor has a list of things to do', async () => {
  const { page, leave } = await read('What is left?', '- [x] this\n- [ ] that', {
    viewport: { width: 360, height: 740 },
  });
  await page.getByRole('checkbox', { name: 'To do' }).waitFor();
  expect(await page.getByRole('checkbox', { name: 'Done' }).isChecked()).toBe(true);
  const edges = await page
    .locator('.files, .files :is(a, audio)')
    .evaluateAll((all) => all.map((each) => Math.floor(each.getBoundingClientRect().right)));
  expect(edges).toHaveLength(4);
  expect(Math.max(...edges)).toBe(edges[0]);
  expect(await violationsOf(page)).toEqual([]);
  await leave();
});
