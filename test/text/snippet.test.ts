import fc from 'fast-check';
import { expect, test } from 'vitest';
import { composePaired, placeInPieces } from '../../src/text/characters.ts';
import { foldWord } from '../../src/text/fold.ts';
import { createMatcher } from '../../src/text/matcher.ts';
import { parseQuery } from '../../src/text/query.ts';
import { findPassage, makeSnippet } from '../../src/text/snippet.ts';
import { scanTokens } from '../../src/text/tokens.ts';

const snippet = (text: string, query: string) => makeSnippet(text, createMatcher(parseQuery(query)));

test('marks every form of a word', () => {
  expect(snippet('He runs. Running is fun.', 'run')).toBe(
    'He <mark>runs</mark>. <mark>Running</mark> is fun.',
  );
  expect(snippet('They were dying', 'die')).toBe('They were <mark>dying</mark>');
  expect(snippet('Viele Häuser', 'hauser')).toBe('Viele <mark>Häuser</mark>');
});

test('marks combining marks that stand alone as signs, not as words with anything between', () => {
  expect(snippet('\u0301 \u0301\u0301= x', '"\u0301\u0301\u0301="')).toBe(
    '<mark>\u0301 \u0301\u0301=</mark> x',
  );
  expect(snippet('\u0301\u0301, \u0301 x', '"\u0301 \u0301 \u0301"')).not.toContain('<mark>');
});

test('looks for long literals in less of a text', () => {
  const text = `${'word '.repeat(300_000)}${'='.repeat(900)}>`;
  expect(snippet(text, '"=>"')).toContain('<mark>');
  expect(snippet(text, `"${'='.repeat(900)}>"`)).not.toContain('<mark>');
});

test.each([
  ['die', 'dying'],
  ['2', 'v2'],
  ['flies', 'Fly'],
  ['foobar', 'foo_Bar'],
  ['foo_bar', 'fooBar'],
  ['parser', 'HTMLParser'],
  ['bar', '__bar__'],
  ['cafe', 'CAFÉS'],
  ['strasse', 'Straße'],
  ['naive', 'nai\u0308ve'],
  ['x', 'X'],
  ['7', '7'],
  ['katten', 'kat'],
  ['brood', 'broden'],
  ['kallioita', 'kallio'],
  ['книги', 'Книга'],
])('knows %s in %s', (query, word) => {
  expect(snippet(`before ${word} after`, query)).toBe(`before <mark>${word}</mark> after`);
});

test('no character of a script without spaces is folded to a plain letter, so that Latin queries may pass over them', () => {
  const all = Array.from({ length: 0x11_00_00 }, (_, point) => String.fromCodePoint(point)).join(' ');
  const paired: string[] = [];
  scanTokens(all, 0, (start, end, isPair) => {
    if (isPair) paired.push(all.slice(start, end));
    return true;
  });
  expect(paired.length).toBeGreaterThan(100_000);
  expect(paired.filter((character) => /[\x20-\x7e]/.test(foldWord(character)))).toEqual([]);
  expect(snippet('an end 日本 of it', 'end')).toBe('an <mark>end</mark> 日本 of it');
  expect(snippet('an end 日本 of it', 'end 日本')).toBe('an <mark>end</mark> <mark>日本</mark> of it');
});

test('a word at the very end of a text is whole', () => {
  expect(snippet('the end', 'end')).toBe('the <mark>end</mark>');
  expect(snippet('日本', '日本')).toBe('<mark>日本</mark>');
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

test('What first matches behind two million characters is not marked, and the beginning is shown', () => {
  const shown = snippet(`${'lorem ipsum '.repeat(170_000)}the needle is here`, 'needles');
  expect(shown).toMatch(/^lorem ipsum .* …$/);
  expect(shown).not.toContain('<mark>');
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

test('a passage is found in kana of half width and Hangul in pieces, and is told by its place in them', () => {
  const filler = 'filler words come first '.repeat(30);
  const texts = {
    데이터베이스: `${filler}한글 ${'데이터베이스'.normalize('NFD')} 공부`.normalize('NFD'),
    データベース: `ｶﾞｷﾞｸﾞ ${filler}これはﾃﾞｰﾀﾍﾞｰｽです`,
  };
  for (const [word, text] of Object.entries(texts)) {
    const { start, end, lexemes } = findPassage(text, createMatcher(parseQuery(word)), 60);
    expect(lexemes.size, word).toBeGreaterThan(1);
    expect(text.slice(start, end).normalize('NFKC'), word).toContain(word);
    expect(end - start).toBeLessThan(200);
  }
});

test('a place in a composed text lies behind all that was composed', () => {
  const text = `a ｶﾞﾊﾟｱ b${'한글'.normalize('NFD')} c`;
  const composed = composePaired(text);
  for (let place = 0; place <= composed.length; place += 1) {
    expect(composePaired(text.slice(0, placeInPieces(text, place)))).toBe(composed.slice(0, place));
  }
});
