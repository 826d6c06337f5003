import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exclusionsOf, parseQuery } from '../../src/text/query.ts';

/** Without the stems of other languages than English, and without parentheses. */
const cases: [query: string, tsquery: string | null][] = [
  ['boat', `'boat'`],
  ['blue boat', `'blue' & 'boat'`],
  ['"sea boat"', `'sea' <1> 'boat'`],
  ['"sea of boat"', `'sea' <2> 'boat'`],
  ['boat -sun', `'boat' & !'sun'`],
  ['boat --sun', `'boat' & 'sun'`],
  ['boat --sea-sun', `'boat' & 'sea' <1> 'sun'`],
  ['boat -"sea sun"', `'boat' & !'sea' <1> 'sun'`],
  ['boat OR sun', `'boat' | 'sun'`],
  ['OR boat OR', `'boat'`],
  ['sea/boat', `'sea' <1> 'boat'`],
  ['sea-boat', `'sea' <1> 'boat' | 'seaboat'`],
  ['"sea-boat"', `'sea' <1> 'boat'`],
  ['boat12', `'boat12' | 'boat' <1> '12'`],
  ['AT&T', null],
  ['boat -the', null],
  ['-boat', null],
  ['boat OR -sun', `'boat'`],
  ['the of and', null],
  ['"sea boat', `'sea' <1> 'boat'`],
  ['日本語', `'日本' <1> '本語'`],
  ['水', `'水':*`],
  ['日本go', `'日本' <2> 'go'`],
];
test.each(cases)('%s', (query, tsquery) => {
  const parsed = parseQuery(query);
  expect(parsed.tsquery?.replaceAll(/ \| '\w+~'|[()]/g, '') ?? null).toBe(tsquery);
  expect(parsed.english?.replaceAll(/[()]/g, '') ?? null).toBe(tsquery);
});

test.each(['-e-mail', '-"e-mail"', '-node.js', '-C++', '-"sea boat"', '-sun'])(
  '%s excludes the same from another query',
  (excluded) => {
    expect(parseQuery(`land ${exclusionsOf(`boat ${excluded}`)}`)).toEqual(parseQuery(`land ${excluded}`));
  },
);

test('names are looked for whole and in part', () => {
  const { tsquery, wanted } = parseQuery('fooBar');
  expect(tsquery).toContain(`'foobar'`);
  expect(tsquery).toContain('<0>');
  expect([...wanted]).toEqual(expect.arrayContaining(['foobar', 'foo', 'bar']));
});

test('a question in another language need not be answered with its small words', () => {
  const { wanted } = parseQuery('wie ist der Name von dem Boot');
  expect(wanted.has('boot')).toBe(true);
  expect(wanted.has('der')).toBe(false);
});

test('a small word of that language is excluded all the same', () => {
  const { english } = parseQuery('que es un barco -como');
  expect(english).toBe(`('barco') & !('como')`);
});

test('whatever is typed, every lexeme is quoted and parentheses close', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), hostile), (text) => {
      const tsquery = parseQuery(text).tsquery ?? '';
      const bare = tsquery.replaceAll(/'(?:[^'\\]|''|\\\\)*'/g, 'x').replaceAll(/<\d+>/g, '&');
      expect(bare).toMatch(/^[x()&|!: *]*$/);
      expect([...bare].filter((each) => each === '(')).toHaveLength(
        [...bare].filter((each) => each === ')').length,
      );
    }),
  );
});

const hostile = fc
  .array(
    fc.constantFrom(
      '"',
      '-',
      'OR',
      '&',
      '|',
      '!',
      '(',
      ')',
      ':*',
      '<->',
      "'",
      '\\',
      'boat',
      ' ',
      '日本',
      '%_',
    ),
  )
  .map((parts) => parts.join(''));

test('ten thousand characters are read in no time', () => {
  expect(parseQuery('a-b"c '.repeat(10_000)).tsquery).not.toBeNull();
});
