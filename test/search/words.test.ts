import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { suggestSpelling } from '../../src/domain/search/spelling.ts';
import { chatGpt, node, say } from '../archive/builders.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';
import { foundBy, messages, search } from './search.ts';

const texts = {
  english: 'The generously sized databases were running happily; nobody’s flies died.',
  german: 'Die alten Häuser in der Straße sind nicht für die Katzen, sondern für Vögel.',
  french: 'Les chevaux de la ferme ne sont pas dans le pré, ils mangent des pommes près d’un café.',
  spanish: 'Las canciones de los niños no son para el corazón de un león.',
  turkish: 'Bu kitaplar için çok güzel bir kütüphane var ama ışık yok.',
  russian: 'Важная книга лежит на столе, её читает мой друг из города.',
  greek: 'Η Ελλάδα είναι όμορφη χώρα',
  hebrew: 'שלום עולם טוב',
  vietnamese: 'Tôi yêu tiếng nước tôi từ khi mới ra đời',
  japanese: '東京都は日本の首都です。ソフトウェア開発',
  chinese: '我们在学习数据库系统原理，很有意思。',
  korean: '데이터베이스를 공부하고 있습니다',
  thai: 'ภาษาไทยเป็นภาษาที่สวยงาม',
  code: 'Call useEffect(fetchUserById, [user_id]) in src/components/UserCard.test.tsx, then `np.linalg.norm()`',
  capital: 'An important capitol',
  versions:
    'Upgrade openssl 3.0.13-r2 at https://downloads.example.org/pkg?id=42 or mail admin@mail.example.net',
  names:
    'this_is_a_very_long_snake_case_identifier_name and getOrderByItemAndNameAndEmailAndPhoneNumber of v2.10.3 in IPv6Address',
  log: Array.from({ length: 400 }, (_, index) => `12:00 WARN lib/cards/Item${index}.tsx is slow`).join('\n'),
  urls: Array.from({ length: 300 }, (_, index) => `https://www.example.com/list/page${index}.html`).join(
    '\n',
  ),
  hyphens: 'An e-mail about Wi-Fi, Node.js, UTF-8, GPT-4o and Python 3.11, for O’Neill, in COVID-19 times',
  joined: 'An autopilot counts 7654321 dealers; nextjs and xterm88 are for mrs oconnor',
  trowel: 'One trowel',
  trowels: 'Another trowel',
  towel: 'The azure towel',
  late: `${'filler words come first '.repeat(30_000)} the pterodactyl comes last`,
};

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await userWith(server, [messages(texts)]);
});
afterAll(() => server.close());

describe('A message is found', () => {
  const cases: [query: string, message: keyof typeof texts][] = [
    ['database run', 'english'],
    ['fly', 'english'],
    ['"sized databases"', 'english'],
    ['haus katze', 'german'],
    ['Hauser strasse', 'german'],
    ['vogel', 'german'],
    ['maisons OR chevaux', 'french'],
    ['"d’un café"', 'french'],
    ['pomme cafe', 'french'],
    ['cancion leon', 'spanish'],
    ['kitap isik', 'turkish'],
    ['книги', 'russian'],
    ['ελλαδα', 'greek'],
    ['עולם', 'hebrew'],
    ['tieng nuoc', 'vietnamese'],
    ['fetchUserById', 'code'],
    ['fetchuserbyid', 'code'],
    ['userById', 'code'],
    ['userId', 'code'],
    ['user_id', 'code'],
    ['UserCard.test.tsx', 'code'],
    ['usercard', 'code'],
    ['src/components', 'code'],
    ['linalg', 'code'],
    ['np.linalg.norm()', 'code'],
    ['3.0.13', 'versions'],
    ['downloads.example.org/pkg', 'versions'],
    ['mail.example.net', 'versions'],
    ['identifier name', 'names'],
    ['name', 'names'],
    ['phone', 'names'],
    ['2.10', 'names'],
    ['v2.10', 'names'],
    ['ipv6', 'names'],
    ['lib/cards/Item10.tsx', 'log'],
    ['lib/cards/Item399.tsx', 'log'],
    ['"Item398.tsx is slow"', 'log'],
    // Words that stand far apart in it.
    ['Item1 Item399', 'log'],
    ['https://www.example.com/list/page299.html', 'urls'],
    ['pterodactyls', 'late'],
    // Written in one word or with a sign between.
    ['utf8', 'hyphens'],
    ['gpt4o', 'hyphens'],
    ['covid19', 'hyphens'],
    ['python3.11', 'hyphens'],
    ['auto-pilot', 'joined'],
    ['7,654,321', 'joined'],
    ['next.js', 'joined'],
    ['xterm-88', 'joined'],
    ["O'Connor", 'joined'],
  ];
  test.each(cases)('by %s', async (query, message) => {
    expect(await foundBy(user, query)).toEqual([message]);
  });

  test('by every single word of it', { timeout: 120_000 }, async () => {
    const { late: _, log: __, urls: ___, ...short } = texts;
    const missed: string[] = [];
    for (const [message, text] of Object.entries(short)) {
      for (const word of new Set(text.match(/[\p{L}\p{M}\p{N}]{5,}/gu))) {
        if (!(await foundBy(user, word)).includes(message)) missed.push(`${message}: ${word}`);
      }
    }
    expect(missed).toEqual([]);
  });

  test('by any substring of two and more characters of a script without spaces', {
    timeout: 120_000,
  }, async () => {
    const missed: string[] = [];
    for (const message of ['japanese', 'chinese', 'korean', 'thai'] as const) {
      for (const run of texts[message].match(/[\p{Lo}\p{M}ー]{2,}/gu) ?? []) {
        for (let start = 0; start < run.length - 1; start++) {
          const substring = run.slice(start, start + 2 + (start % 5));
          if (!(await foundBy(user, substring)).includes(message)) missed.push(`${message}: ${substring}`);
        }
      }
    }
    expect(missed).toEqual([]);
  });

  test('by one character of a script without spaces', async () => {
    expect(await foundBy(user, '都')).toEqual(['japanese']);
    expect(await foundBy(user, '思')).toEqual(['chinese']);
  });
});

describe('A message is not found', () => {
  test.each([
    ['京日', 'characters that do not stand together'],
    ['"databases sized"', 'a phrase in another order'],
    ['database -running', 'a word that excludes it'],
    ['hauserx', 'a word that nobody wrote'],
  ])('by %s: %s', async (query) => {
    expect(await foundBy(user, query)).toEqual([]);
  });
});

test('the snippet shows a match at the end of a long message', async () => {
  const { edges } = await search(user, 'pterodactyl');
  expect(edges[0]?.node.snippet).toContain('the <mark>pterodactyl</mark> comes last');
});

test('what the provider hides comes after what was said, however short it is', async () => {
  const hidden = { metadata: { is_visually_hidden_from_conversation: true } };
  const reader = await userWith(server, [
    chatGpt([
      node('instructions', null, say('user', 'A sailor, and again a sailor', hidden)),
      node(
        'said',
        'instructions',
        say('user', `A sailor came by. ${'He talked about the weather. '.repeat(50)}`),
      ),
    ]),
  ]);
  expect(await foundBy(reader, 'sailor')).toEqual(['said', 'instructions']);
  expect(await foundBy(reader, 'sailor', { kind: ['HIDDEN'] })).toEqual(['instructions']);
});

test('what the provider hides comes last, however often and near to each other the words stand there', async () => {
  const hidden = { metadata: { is_visually_hidden_from_conversation: true } };
  const reader = await userWith(server, [
    chatGpt([
      node('instructions', null, say('user', 'A sailor has an anchor. '.repeat(200), hidden)),
      node(
        'said',
        'instructions',
        say('user', `A sailor came by. ${'He talked about the weather. '.repeat(500)} He had an anchor.`),
      ),
    ]),
  ]);
  expect(await foundBy(reader, 'anchor')).toEqual(['said', 'instructions']);
  expect(await foundBy(reader, 'sailor anchor')).toEqual(['said', 'instructions']);
});

describe('Whatever is typed', () => {
  const hostile = [
    '& | ! (',
    '(((((((',
    "':* <-> ''",
    '%_',
    '\\',
    '"',
    '""',
    '- - -',
    '-"',
    'OR OR OR',
    'a & !b | c:*',
    '👩‍💻🇫🇷🚀',
    '\ud800 \udfff',
    'the of and',
    '\u202eabc\u202c',
    '<script>alert(1)</script>',
    "'; DROP TABLE messages; --",
    'ﷺ'.repeat(300),
    'x'.repeat(1_000),
    'a b '.repeat(250),
    '"a" '.repeat(250),
    '日'.repeat(1_000),
    'a '.repeat(500),
    'the who '.repeat(125),
    '( '.repeat(500),
    '~'.repeat(1_000),
    '🚀'.repeat(500),
    "i'".repeat(500),
    '[[:alnum:]]{2,1} \\1 (?i) (?=a) .* ^$ \\y',
  ];
  test.each(hostile)('%s is answered', async (query) => {
    const { edges, totalCount } = await search(user, query);
    expect(edges.length).toBe(Math.min(totalCount, 20));
  });

  test('ten thousand characters are refused with a reason', async () => {
    const { errors } = await user.client.ask(
      `query Q($query: String!) { search(query: $query) { totalCount } }`,
      {
        query: 'a'.repeat(10_000),
      },
    );
    expect(errors).toMatchObject([
      {
        message: 'A query has at most 1000 characters: leave some words out.',
        extensions: { code: 'INVALID_INPUT' },
      },
    ]);
  });
});

describe('A query without a hit', () => {
  test.each([
    ['databsaes', 'databases'],
    ['capiton', 'capitol'],
    ['runing databases', 'running databases'],
    ['Strase', 'strasse'],
    ['канига', 'книга'],
    ['trwel', 'trowel'],
    ['wifi', 'wi-fi'],
    ['nodejs', 'node-js'],
    ['oneill', 'o-neill'],
    // The word of fewer messages, which stands with the other one.
    ['azure trwel', 'azure towel'],
  ])('%s asks whether %s was meant', async (query, meant) => {
    const { didYouMean, totalCount } = await search(user, query);
    expect(totalCount).toBe(0);
    expect(didYouMean).toBe(meant);
    expect((await search(user, meant)).totalCount).toBeGreaterThan(0);
  });

  test('keeps a word that only begins or ends as the wrong one', async () => {
    expect((await search(user, 'trwel strwelable trwelx')).didYouMean).toBe('trowel strwelable trwelx');
  });

  test('has nothing to suggest when nothing is alike', async () => {
    expect((await search(user, 'qqqqzzzz')).didYouMean).toBeNull();
    expect((await search(user, 'databases')).didYouMean).toBeNull();
  });

  test('has nothing to suggest when that takes the database long', async () => {
    await server.services.database.transaction(async (tx) => {
      await tx.query('LOCK TABLE message_search');
      expect(await suggestSpelling(server.services, user.viewer, 'trwel')).toBeNull();
    });
  });
});
