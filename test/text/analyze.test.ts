import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/text/analyze.ts';
import { lexemesOf, readVectors } from './vectors.ts';

describe('A text is found by', () => {
  const cases: [what: string, text: string, lexemes: string[]][] = [
    ['English stems, without stop words', 'The cats were running', ['cat', 'run']],
    ['words without their accents', 'Ångström naïve Łódź Straße', ['angstrom', 'naiv', 'lodz', 'strass']],
    ['compatibility forms', 'ＡＢＣ ﬁle', ['abc', 'file']],
    ['Cyrillic stems', 'важная книгами ёлка', ['важн', 'книг', 'елк']],
    ['Greek stems', 'άνθρωποι, θάλασσες', ['ανθρωπ', 'θαλασσ']],
    ['stems of Hindi, Tamil and Armenian', 'किताबें வீடுகள் քաղաքներ', ['किताब', 'வீடு', 'քաղ']],
    ['Arabic without vowel points', 'كِتَاب', ['كتاب']],
    ['the parts of names and the whole', 'fooBarBaz', ['foobarbaz', 'foo', 'bar', 'baz']],
    ['capitals within names', 'parseHTMLPage', ['parsehtmlpag', 'pars', 'html', 'page']],
    ['the parts of names with underscores', 'max_retry_count', ['maxretrycount', 'max', 'retri', 'count']],
    [
      'the last part of a long name',
      'getUserByIdAndNameAndEmailAndPhoneNumber',
      ['getuserbyidandnameandemailandphonenumb', 'get', 'user', 'id', 'name', 'email', 'phone', 'number'],
    ],
    [
      'names with digits among their capitals',
      'IPv6Address Sha256Sum',
      ['ipv6address', 'ipv6', 'address', 'sha256sum', 'sha256', 'sum'],
    ],
    ['one part that is repeated once', 'foo_foo', ['foofoo', 'foo']],
    ['the parts of paths', 'src/app.ts', ['src', 'app', 'ts']],
    ['the parts of addresses', 'https://ex.org:80/a?b=c', ['https', 'ex', 'org', '80', 'b', 'c']],
    ['numbers and versions', 'v7.2.3 and 1,000', ['v7', '7', '2', '3', '1', '000']],
    ['pairs of ideographs, and the last one alone', '日本語', ['日本', '本語', '語']],
    ['pairs of kana of either width', 'ｶﾞｲﾄﾞ', ['ガイ', 'イド', 'ド']],
    ['pairs of Hangul', '한국어', ['한국', '국어', '어']],
    ['pairs of Thai characters', 'กิน', ['กิ', 'ิน', 'น']],
    ['ideographs beyond the first plane', '𠮷野家', ['𠮷野', '野家', '家']],
    ['words beside ideographs', 'Node入門', ['node', '入門', '門']],
  ];
  test.each(cases)('%s', (_, text, lexemes) => {
    expect(lexemesOf(text).toSorted()).toEqual(lexemes.toSorted());
  });

  test('stems of the language that it is clearly in', () => {
    expect(lexemesOf('Die Katzen sind nicht in den Häusern')).toEqual(
      expect.arrayContaining(['katz~', 'haus~']),
    );
    expect(lexemesOf('Les chevaux ne sont pas dans les maisons')).toContain('maison~');
    expect(lexemesOf('Las canciones no son de los niños')).toContain('cancion~');
  });

  test('English stems when it only quotes another language', () => {
    expect(lexemesOf('The translation of running water is "die Katzen"')).toContain('run');
  });
});

test('positions count tokens, stop words included', () => {
  const [lexemes] = readVectors(analyze('the quick brown fox and the quick dog'));
  expect(lexemes?.get('quick')).toEqual([2, 7]);
  expect(lexemes?.get('fox')).toEqual([4]);
  expect(lexemes?.get('dog')).toEqual([8]);
});

test('a lexeme has at most 255 positions, and a word over and over few pieces', () => {
  const vectors = readVectors(analyze('word '.repeat(2_000)));
  expect(Math.max(...vectors.map((lexemes) => lexemes.get('word')?.length ?? 0))).toBe(255);
  expect(vectors.length).toBeLessThan(8);
});

test('behind the last position of a word its phrases are whole in another piece', () => {
  const lines = Array.from({ length: 700 }, (_, index) => `src/item${index}.ts is slow`);
  const vectors = readVectors(analyze(lines.join('\n')));
  const broken = lines.filter((_, index) => {
    const isWhole = (lexemes: Map<string, number[]>) => {
      const [at = Number.NaN] = lexemes.get(`item${index}`) ?? [];
      return lexemes.get('src')?.includes(at - 1) && lexemes.get('slow')?.includes(at + 3);
    };
    return !vectors.some(isWhole);
  });
  expect(broken).toEqual([]);
  // Words that stand apart are together in the first.
  expect([...(vectors[0]?.keys() ?? [])]).toEqual(expect.arrayContaining(['item0', 'item699']));
});

describe('A long text', () => {
  const words = Array.from({ length: 50_000 }, (_, index) => `w${index}x`);
  const vectors = readVectors(analyze(words.join(' ')));

  test('is cut into pieces that PostgreSQL takes', () => {
    expect(vectors.length).toBeGreaterThan(2);
    const positions = vectors.flatMap((lexemes) => [...lexemes.values()].flat());
    expect(positions.reduce((most, position) => Math.max(most, position), 0)).toBeLessThan(16_384);
  });

  test('has every word, and every phrase whole in one piece', () => {
    const found = new Set(vectors.flatMap((lexemes) => [...lexemes.keys()]));
    expect(words.filter((word) => !found.has(word))).toEqual([]);
    const broken = words.filter((word, index) => {
      const next = words[index + 1];
      return next && !vectors.some((lexemes) => follows(lexemes.get(word), lexemes.get(next)));
    });
    expect(broken).toEqual([]);
  });

  const follows = (a: number[] | undefined, b: number[] | undefined) =>
    a?.some((position) => b?.includes(position + 1)) ?? false;
});

describe('No text is too odd', () => {
  const bytes = (text: string) => analyze(text).map((vector) => vector.length);
  const cases: [what: string, text: string, pieces: number][] = [
    ['one word of ten million characters', 'x'.repeat(10_000_000), 1],
    ['one name of ten million characters', 'aB'.repeat(5_000_000), 1],
    ['lone surrogates', '\udc00 \ud800 '.repeat(10), 0],
    ['NUL', 'a\0b', 1],
    ['letters that unfold into many', 'ﷺ'.repeat(10_000), 1],
    ['right-to-left marks', '\u200fשלום\u200e עולם', 1],
    ['nothing but punctuation', '.,;!?'.repeat(1_000), 0],
    ['nothing', '', 0],
  ];
  test.each(cases)('%s', (_, text, pieces) => {
    expect(bytes(text)).toHaveLength(pieces);
    for (const size of bytes(text)) expect(size).toBeLessThan(1_048_576);
  });

  test('long words of many bytes are spread over pieces below PostgreSQL’s limit', () => {
    const sizes = bytes(Array.from({ length: 9_000 }, (_, index) => `${index}${'ж'.repeat(120)}`).join(' '));
    expect(sizes.length).toBeGreaterThan(1);
    for (const size of sizes) expect(size).toBeLessThan(1_048_576);
  });

  test('words that are names of JavaScript’s own are words', () => {
    expect(lexemesOf('constructor __proto__ hasOwnProperty valueOf')).toEqual(
      expect.arrayContaining(['constructor', 'proto', 'properti']),
    );
  });
});
