import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseByNodes } from '../../src/archive/chatgpt/by-nodes.ts';
import { readConversation } from '../../src/archive/conversation.ts';
import { isObject } from '../../src/archive/values/json.ts';
import { mergeVersions } from '../../src/archive/versions.ts';
import { bytesOf, chatGpt, node, say } from './builders.ts';
import { anyForm, growingForms } from './growing.ts';
import { keep, mergeWhole } from './versions.ts';

/** JSON as text, with keys that come twice, in any order, as numbers, in escapes, and blanks in odd places. */
const blank = fc.constantFrom('', '', '', ' ', '\n\t', ' \r\n ');
const around = (text: fc.Arbitrary<string>) => fc.tuple(blank, text, blank).map((parts) => parts.join(''));
const list = (open: string, close: string, items: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.array(items, { maxLength: 4 }), blank)
    .map(([each, end]) => `${open}${each.join()}${end}${close}`);
const membersOf = (keys: fc.Arbitrary<string>, values: fc.Arbitrary<string>) =>
  list(
    '{',
    '}',
    fc.tuple(around(keys), around(values)).map(([key, value]) => `${key}:${value}`),
  );

const string = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"}"', '"\\\\"', '"\\"]"', '"{\\"mapping\\":{"', '"\\ud83d"', `"${'long, '.repeat(20)}"`),
);
const key = fc.constantFrom('"a"', '"b"', '"7"', '"1"', '"__proto__"', '"\\u0061"', '"mapping"', '""');
const json = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('null', 'true', '0', '-1.5e3', '1'),
    string,
    list('[', ']', around(tie('value'))),
    membersOf(key, tie('value')),
  ),
})).value;
const mapping = fc
  .tuple(around(fc.constant('"mapping"')), around(membersOf(key, json)))
  .map((parts) => parts.join(':'));
const other = fc
  .tuple(
    around(fc.constantFrom('"title"', '"a"', '"\\u0061"', '"7"', '"__proto__"', '"mapping"')),
    around(json),
  )
  .map((parts) => parts.join(':'));
const conversation = fc
  .tuple(
    fc.array(other, { maxLength: 3 }),
    mapping,
    fc.array(fc.oneof(other, mapping), { maxLength: 3 }),
    blank,
  )
  // Behind a member so long that no node is most of it.
  .map(([before, one, after, end]) => {
    const members = [...before, one, ...after].join();
    return `{"long":"${'x'.repeat(members.length * 3)}",${members}}${end}`;
  });

/** As JSON, which tells the order of keys; null when the text is none. */
function whole(bytes: Buffer): string | null {
  try {
    return JSON.stringify(JSON.parse(bytes.toString('utf8')));
  } catch {
    return null;
  }
}

const byNodes = (bytes: Buffer) => {
  const value = parseByNodes(bytes);
  return value && JSON.stringify(value);
};

const hasNodes = (text: string) => {
  const { mapping } = JSON.parse(text);
  return isObject(mapping) && Object.keys(mapping).length > 0;
};

test('a conversation parsed by its nodes is the one parsed at once', () => {
  fc.assert(
    fc.property(conversation, (text) => {
      const bytes = Buffer.from(text);
      const value = byNodes(bytes);
      if (value !== null) expect(value).toBe(whole(bytes));
      else expect(hasNodes(text) && !text.includes('\\u0061')).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test('nodes are read from where the bytes were set aside', () => {
  fc.assert(
    fc.property(conversation, (text) => {
      const bytes = Buffer.from(text);
      const expected = byNodes(Buffer.from(text));
      const value = parseByNodes(bytes, (whole) => {
        const copy = Buffer.from(whole);
        whole.fill('x');
        return (from, to) => copy.subarray(from, to);
      });
      expect(value && JSON.stringify(value)).toBe(expected);
      if (expected === null) expect(bytes.toString()).toBe(text);
    }),
  );
});

test('what is cut or damaged is left to the parser of the whole', () => {
  fc.assert(
    fc.property(
      conversation,
      fc.nat(),
      fc.constantFrom('', '}', ']', '"', ',', ':', '\\', 'x', '{'),
      (text, at, put) => {
        const bytes = Buffer.from(text);
        // Seldom in the long member.
        const cut = bytes.length - (at % (Math.ceil(bytes.length / 3) + 1));
        for (const damaged of [
          bytes.subarray(0, cut),
          Buffer.concat([bytes.subarray(0, cut), Buffer.from(put), bytes.subarray(cut + 1)]),
          Buffer.concat([bytes.subarray(0, cut), Buffer.from([0xe2, 0x82]), bytes.subarray(cut)]),
        ]) {
          const value = byNodes(damaged);
          if (value !== null) expect(value).toBe(whole(damaged));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('more nodes than any conversation has are left to the parser of the whole', () => {
  const nodes = (count: number) => Array.from({ length: count }, (_, index) => `"${index}":0`).join();
  expect(parseByNodes(Buffer.from(`{"mapping":{${nodes(200_000)}}}`))).not.toBeNull();
  expect(parseByNodes(Buffer.from(`{"mapping":{${nodes(200_001)}}}`))).toBeNull();
  expect(parseByNodes(Buffer.from(`{"mapping":{"a":0},${nodes(200_001)}}`))).toBeNull();
  const half = `"mapping":{${nodes(120_000)}}`;
  expect(parseByNodes(Buffer.from(`{${half},${half}}`))).toBeNull();
});

test('a conversation that is a single node for the most part is left to the parser of the whole', () => {
  const sized = (...lengths: number[]) =>
    Buffer.from(
      `{"mapping":{${lengths.map((length, index) => `"${index}":"${'é'.repeat(length)}"`).join()}}}`,
    );
  expect(parseByNodes(sized(500, 500))).not.toBeNull();
  expect(parseByNodes(sized(500, 600))).toBeNull();
  expect(parseByNodes(sized(10, 500, 10))).toBeNull();
});

test('a large conversation is read as a small one', () => {
  fc.assert(
    fc.property(growingForms, (forms) => {
      for (const form of forms) {
        const bytes = Buffer.from(JSON.stringify(form));
        expect(readConversation(bytes, { largeBytes: 0 })).toEqual(readConversation(bytes));
      }
    }),
  );
});

test('large forms of a conversation are merged as small ones', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          growingForms,
          anyForm.map((form) => [form]),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      (lists) => {
        const versions = lists.flat().map((form, index) => ({
          ...keep(Buffer.from(JSON.stringify(form))),
          updatedAtMs: (index * 7) % 4,
        }));
        expect(mergeWhole(versions, 0)).toEqual(mergeWhole(versions));
        // Each at another place in the row is the only large one, too.
        for (const { sizeBytes } of versions) {
          expect(mergeWhole(versions, sizeBytes)).toEqual(mergeWhole(versions));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('where merging takes long, others have their turn between what is done with large forms', () => {
  const forms = ['first', 'and second'].map((text, index) => ({
    ...keep(bytesOf(chatGpt([node('a', null, say('user', text))], { title: 'Grows' }))),
    updatedAtMs: index,
  }));
  const [first, second] = forms;
  const stopsWhereLargeAre = (largeBytes: number) => [...mergeVersions(forms, { largeBytes })];
  // Before each is parsed, before the two are compared, and before what comes of them is read.
  expect(stopsWhereLargeAre(0)).toEqual([first, second, null, null]);
  expect(stopsWhereLargeAre(second?.sizeBytes ?? 0)).toEqual([first, second, null, null]);
  expect(stopsWhereLargeAre(1_000_000)).toEqual(forms);
});
