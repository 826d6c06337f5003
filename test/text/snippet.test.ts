import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseQuery } from '../../src/text/query.ts';
import { makeSnippet } from '../../src/text/snippet.ts';

const snippet = (text: string, query: string) => makeSnippet(text, parseQuery(query));

test('marks every form of a word', () => {
  expect(snippet('He runs. Running is fun.', 'run')).toBe(
    'He <mark>runs</mark>. <mark>Running</mark> is fun.',
  );
  expect(snippet('They were dying', 'die')).toBe('They were <mark>dying</mark>');
  expect(snippet('Viele Häuser', 'hauser')).toBe('Viele <mark>Häuser</mark>');
});

test('marks a run of ideographs as one', () => {
  expect(snippet('我们学习日本語文学。', '日本語')).toBe('我们学习<mark>日本語</mark>文学。');
  expect(snippet('山水画', '水')).toBe('山<mark>水</mark>画');
});

test('shows where a match stands late in a long text', () => {
  const shown = snippet(`${'lorem ipsum '.repeat(90_000)}the needle is here`, 'needles');
  expect(shown).toContain('the <mark>needle</mark> is here');
  expect(shown.startsWith('… ')).toBe(true);
  expect(shown.length).toBeLessThan(400);
});

test('shows a second place for what the first does not hold', () => {
  const shown = snippet(`apple ${'lorem ipsum '.repeat(100)} pear ${'dolor '.repeat(100)}`, 'apple pear');
  expect(shown).toContain('<mark>apple</mark>');
  expect(shown).toContain('<mark>pear</mark>');
});

test('shows the beginning when nothing matches', () => {
  expect(snippet('Once upon a time', 'zebra')).toBe('Once upon a time');
});

test('never lets text become markup, nor loses any of a short one', () => {
  const part = fc.constantFrom(
    '<script>',
    '</mark>',
    '&',
    '"',
    "'",
    'boat',
    '日本',
    '😀',
    '\ud800',
    ' ',
    'a',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const text = parts.join('');
      const html = snippet(text, 'boat 日本');
      const plain = html.replaceAll(/<\/?mark>/g, '');
      expect(plain).not.toMatch(/[<>"']/);
      expect(html.split('<mark>')).toHaveLength(html.split('</mark>').length);
      const read = plain
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&');
      expect(read).toBe(text.toWellFormed().replaceAll(/\s+/g, ' ').trim());
    }),
  );
});
