import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, readMessage, say } from './builders.ts';

const textOf = (text: string, metadata: Json = {}, role = 'assistant'): string =>
  readMessage(say(role, text, { metadata })).text;
const mark = (...parts: string[]): string => `\ue200${parts.join('\ue202')}\ue201`;
const reference = (matched: string, rest: Json = {}): Json => ({
  matched_text: matched,
  start_idx: 0,
  end_idx: 0,
  ...rest,
});

describe('a citation marker', () => {
  const cite = mark('cite', 'turn0search1');
  const cases: [string, string, Json[], string][] = [
    [
      'becomes its alternative text',
      `see ${cite}.`,
      [reference(cite, { type: 'grouped_webpages', alt: '([Site](https://s.org))' })],
      'see ([Site](https://s.org)).',
    ],
    [
      'becomes links to its items',
      `see ${cite}.`,
      [
        reference(cite, {
          items: [
            { title: 'A [x]', url: 'https://a.org' },
            { title: 'B', url: 'javascript:1' },
          ],
        }),
      ],
      'see ([A x](https://a.org)).',
    ],
    [
      'becomes a link to its page',
      cite,
      [reference(cite, { type: 'webpage', title: 'T', url: 'http://t.org/(x)' })],
      '([T](http://t.org/%28x%29))',
    ],
    [
      'becomes the name of its file',
      cite,
      [reference(cite, { type: 'file', name: 'notes.pdf' })],
      'notes.pdf',
    ],
    ['vanishes when hidden', `a${cite}b`, [reference(cite, { type: 'hidden', alt: 'x' })], 'ab'],
    ['vanishes when nothing is known of it', `a${cite}b`, [], 'ab'],
    [
      'keeps only the label of a link that does not lead to the web',
      cite,
      [reference(cite, { alt: '[click](javascript:alert)' })],
      'click',
    ],
    ['of an entity becomes its name', mark('entity', '["city","Paris","in France"]'), [], 'Paris'],
    [
      'of an entity becomes the name that its reference has, whatever else that leads to',
      `I love ${mark('entity', '["city","paris"]')}.`,
      [
        reference(mark('entity', '["city","paris"]'), {
          type: 'entity',
          name: 'Paris',
          alt: '[Wiki](https://w.org)',
          items: [{ title: 'Wiki', url: 'https://w.org' }],
          fallback_items: [{ title: 'Wiki', url: 'https://w.org' }],
        }),
      ],
      'I love Paris.',
    ],
    [
      'of an entity keeps its own name under a reference without one',
      `I love ${mark('entity', '["city","Paris"]')}.`,
      [
        reference(mark('entity', '["city","Paris"]'), {
          type: 'webpage',
          title: 'Wiki',
          url: 'https://w.org',
        }),
      ],
      'I love Paris.',
    ],
    [
      'of an entity keeps its own name when its reference is invalid',
      `I love ${mark('entity', '["city","Paris"]')}.`,
      [reference(mark('entity', '["city","Paris"]'), { type: 'entity', invalid: true, name: 'Rome' })],
      'I love Paris.',
    ],
    [
      'vanishes when its reference is invalid',
      `a${cite}b`,
      [reference(cite, { invalid: true, alt: 'x' })],
      'ab',
    ],
    [
      'becomes the name of its file, not the pages beside it',
      cite,
      [reference(cite, { type: 'file', name: 'notes.pdf', items: [{ title: 'W', url: 'https://w.org' }] })],
      'notes.pdf',
    ],
    ['of an entity that is not JSON vanishes', `a${mark('entity', '["city"')}`, [], 'a'],
    ['of pictures vanishes', `a${mark('image_group', '{"query":["cat"]}')}b`, [], 'ab'],
    [
      'that stands alone is dropped',
      'a\ue203bold\ue204 b\ue206',
      [reference('\ue203', { type: 'hidden' })],
      'abold b',
    ],
    [
      'that is never closed loses only itself',
      `a\ue200cite\ue202turn0 and the rest`,
      [],
      'aciteturn0 and the rest',
    ],
    ['that is closed on another line loses only itself', 'a\ue200cite\nb\ue201c', [], 'acite\nbc'],
    [
      'longer than usual goes when its reference names it',
      `a${mark('products', 'x'.repeat(3000))}b`,
      [reference(mark('products', 'x'.repeat(3000)), { alt: '' })],
      'ab',
    ],
    [
      'is found though its offset is wrong',
      `${cite} x`,
      [reference(cite, { alt: 'A', start_idx: 999 })],
      'A x',
    ],
  ];
  it.each(cases)('%s', (_name, text, references, expected) => {
    expect(textOf(text, { content_references: references })).toBe(expected);
  });

  it('that repeats takes its references in their order', () => {
    const references = [
      reference(cite, { alt: 'B', start_idx: 9 }),
      reference(cite, { alt: 'A', start_idx: 1 }),
    ];
    expect(textOf(`${cite} ${cite} ${cite}`, { content_references: references })).toBe('A B B');
  });

  it('leaves text alone that a reference matches without a marker', () => {
    expect(
      textOf('plain words', {
        content_references: [reference('plain'), reference(' ', { type: 'sources_footnote' })],
      }),
    ).toBe('plain words');
  });

  it('of the older form stays in what the user wrote, as do other brackets', () => {
    expect(textOf('a【11†source】', {}, 'user')).toBe('a【11†source】');
    expect(textOf('a【見出し】b【x†y】')).toBe('a【見出し】b【x†y】');
  });

  it('of the older form is a link of the page in what a tool fetched, and stays with its label', () => {
    const page = '【0†Jump to content†en.wikipedia.org】 Cats are 【12†mammals】';
    expect(textOf(page, {}, 'tool')).toBe(page);
    expect(textOf(`${page}${mark('cite', 'turn0search1')}`, {}, 'tool')).toBe(page);
  });

  it('of the older form is one in a message that does not say whose it is', () => {
    const citations = [{ start_ix: 1, end_ix: 12, metadata: { title: 'T', url: 'https://t.org' } }];
    for (const author of [undefined, {}, { role: 'bot' }]) {
      const message = { author, content: 'a【11†source】', metadata: { citations } };
      expect(readMessage(message).text).toBe('a ([T](https://t.org))');
    }
    expect(textOf('a【11†source】', { citations }, 'function')).toBe('a【11†source】');
  });

  it('never takes a character that is not its own, in any text', () => {
    const piece = fc.oneof(
      fc.constantFrom('\ue200', '\ue201', '\ue202', '\ue203', '\n', '【', '】', '†'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const outside = pieces
          .join('')
          .replace(/\ue200[^\ue200\ue201\n]*\ue201/g, '')
          .replace(/[\ue200-\ue206]/g, '');
        expect(textOf(pieces.join(''), {}, 'user')).toBe(outside.replaceAll('\0', '').toWellFormed());
      }),
    );
  });

  it('takes linear time when a link in its alternative text is never closed', () => {
    const alt = `[x](https://${'a'.repeat(200_000)}`;
    expect(textOf(cite, { content_references: [reference(cite, { alt })] })).toBe(alt);
  });

  describe('that repeats', () => {
    const repeated = (times: number, alt: string): string =>
      textOf(`A sentence. ${cite}\n`.repeat(times), { content_references: [reference(cite, { alt })] });

    it('cannot make much of little', () => {
      const alt = 'x'.repeat(100_000);
      const text = repeated(5000, alt);
      expect(text).toContain(`A sentence. ${alt}\nA sentence. ${alt}\n`);
      expect(text.endsWith('A sentence. \n')).toBe(true);
      expect(text.length).toBeLessThan(3_000_000);
    });

    it('keeps its link in a long answer', () => {
      const alt = `([Site](https://s.org/${'x'.repeat(100)}))`;
      expect(repeated(5000, alt)).toBe(`A sentence. ${alt}\n`.repeat(5000));
    });

    it('keeps the words that it carries itself', () => {
      const city = mark('entity', '["city","Paris"]');
      const name = 'P'.repeat(10_000);
      const text = textOf(city.repeat(1000), { content_references: [reference(city, { name })] });
      expect(text.startsWith(name.repeat(2))).toBe(true);
      expect(text.endsWith('ParisParis')).toBe(true);
      expect(text.length).toBeLessThan(500_000);
    });

    it('leaves the first use of every reference its room', () => {
      const other = mark('cite', 'turn0search2');
      const alt = 'x'.repeat(10_000);
      const references = [reference(cite, { alt }), reference(other, { alt: 'y'.repeat(10_000) })];
      const text = textOf(cite.repeat(1000) + other, { content_references: references });
      expect(text.endsWith('y'.repeat(10_000))).toBe(true);
    });

    it('takes linear time with a reference for each', () => {
      const times = 500_000;
      const references = Array.from({ length: times }, () => reference(cite, { alt: 'x' }));
      expect(textOf(cite.repeat(times), { content_references: references })).toBe('x'.repeat(times));
    });
  });

  it('takes linear time when markers are never closed', () => {
    expect(textOf('\ue200a'.repeat(200_000))).toBe('a'.repeat(200_000));
  });
});
