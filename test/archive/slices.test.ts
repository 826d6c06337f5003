import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Slice, type SliceOptions, sliceElements } from '../../src/archive/slices.ts';
import { giveBack, isShared } from '../../src/own-memory.ts';
import { chunksOf } from './builders.ts';

interface Cut {
  /** Text of an element, or the code for which it was not kept. */
  elements: string[];
  places: number[];
  /** How the source ended. */
  end: string;
}

async function cut(source: Buffer | string, chunkBytes = 7, options: SliceOptions = {}): Promise<Cut> {
  const result: Cut = { elements: [], places: [], end: 'OK' };
  try {
    for await (const slice of sliceElements(chunksOf(Buffer.from(source), chunkBytes), options)) {
      result.elements.push(textOf(slice));
      result.places.push(slice.element);
    }
  } catch (error) {
    result.end = (error as { code: string }).code;
  }
  return result;
}

function textOf(slice: Slice): string {
  return slice.error === undefined ? slice.bytes.toString('utf8') : slice.error.code;
}

async function* eachOf(chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

const cases: [string, string, string[], string?][] = [
  ['an array', '[{"a":1},{"b":[2,{"c":3}]}]', ['{"a":1}', '{"b":[2,{"c":3}]}']],
  ['an empty array', '[]', []],
  ['a pretty-printed array', '[\n  {\n    "a": 1\n  },\r\n\t{ }\n]\n', ['{\n    "a": 1\n  }', '{ }']],
  ['a byte order mark', '\ufeff[{"a":1}]', ['{"a":1}']],
  ['a wrapper', '{"conversations":[{"a":1},{"b":2}]}', ['{"a":1}', '{"b":2}']],
  [
    'a wrapper with other keys',
    '{"x":{"y":["conversations"]}, "conversations" : [{"a":1}], "z":[{"b":2}]}',
    ['{"a":1}'],
  ],
  ['a wrapper with an empty array', '{"conversations":[]}', []],
  ['a bare object', '{"title":"conversations","mapping":{}}', ['{"title":"conversations","mapping":{}}']],
  ['objects in a row', '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
  ['elements that are not objects', '[1, null ,"x,]",[2],true]', ['1', 'null', '"x,]"', '[2]', 'true']],
  [
    'brackets and quotes in strings',
    '[{"a":"]}\\"[{"},{"\\\\":"\\\\"}]',
    ['{"a":"]}\\"[{"}', '{"\\\\":"\\\\"}'],
  ],
  ['a missing comma', '[{"a":1}{"b":2}]', ['{"a":1}', '{"b":2}']],
  ['a cut element', '[{"a":1},{"b":', ['{"a":1}'], 'JSON_TRUNCATED'],
  ['a cut between elements', '[{"a":1},', ['{"a":1}'], 'JSON_TRUNCATED'],
  ['a cut wrapper', '{"conversations":[{"a":1}]', ['{"a":1}'], 'JSON_TRUNCATED'],
  ['nothing', '', [], 'JSON_TRUNCATED'],
  ['blanks', ' \n', [], 'JSON_TRUNCATED'],
  ['a web page', '<html></html>', [], 'JSON_INVALID'],
  ['text behind the array', '[{"a":1}] trailing', ['{"a":1}'], 'JSON_INVALID'],
];

describe('slicing', () => {
  it.each(cases)(
    '%s gives its elements, however it is chunked',
    async (_name, source, elements, end = 'OK') => {
      for (const chunkBytes of [1, 2, 3, 5, 1000]) {
        const result = await cut(source, chunkBytes);
        expect(result).toEqual({ elements, places: elements.map((_text, index) => index), end });
      }
    },
  );

  it.each(['utf16le', 'utf16be'])('%s is refused by name', async (encoding) => {
    const little = Buffer.from('\ufeff[{"a":1}]', 'utf16le');
    const bytes = encoding === 'utf16le' ? little : little.swap16();
    expect(await cut(bytes)).toMatchObject({ elements: [], end: 'JSON_UTF16' });
    expect(await cut(bytes.subarray(2))).toMatchObject({ elements: [], end: 'JSON_UTF16' });
  });

  it('skips an element that is too large, too deep or too full, and goes on', async () => {
    const deep = `${'['.repeat(50)}${']'.repeat(50)}`;
    const source = `[{"a":1},"${'x'.repeat(200)}",{"b":2},${deep},[${'0,'.repeat(60)}0],{"c":3}]`;
    const options = { maxElementBytes: 150, maxDepth: 40, maxValues: 60 };
    for (const chunkBytes of [1, 10, 1000]) {
      expect((await cut(source, chunkBytes, options)).elements).toEqual([
        '{"a":1}',
        'ELEMENT_TOO_LARGE',
        '{"b":2}',
        'ELEMENT_TOO_DEEP',
        'ELEMENT_TOO_LARGE',
        '{"c":3}',
      ]);
    }
  });

  it('survives a depth bomb in bounded memory', async () => {
    const source = `[${'['.repeat(3_000_000)}${']'.repeat(3_000_000)},1]`;
    expect((await cut(source, 65_536)).elements).toEqual(['ELEMENT_TOO_DEEP', '1']);
  });

  it('finds a wrapper behind more bytes than an element may have', async () => {
    const source = `{"x":"${'x'.repeat(1000)}","conversations":[{"a":1}]}`;
    expect((await cut(source, 50, { maxElementBytes: 100 })).elements).toEqual(['{"a":1}']);
  });

  it('passes over elements before the first wanted one', async () => {
    const result = await cut('[{"a":1},{"b":2},{"c":3}]', 4, { fromElement: 1 });
    expect(result).toEqual({ elements: ['{"b":2}', '{"c":3}'], places: [1, 2], end: 'OK' });
  });

  it('says how far the source is read', async () => {
    const ends: number[] = [];
    for await (const slice of sliceElements(chunksOf(Buffer.from('[{"a":1}, 22]'), 3)))
      ends.push(slice.endByte);
    expect(ends).toEqual([8, 12]);
  });

  it('leaves memory that Node shares out as it is, and gives back what a chunk alone took', async () => {
    const text = '[{"a":1},{"b":2}]';
    // Small buffers are parts of a pool, and some of them end where it ends.
    let pooled = Buffer.allocUnsafe(text.length);
    while (pooled.byteOffset + pooled.length < pooled.buffer.byteLength) {
      const room = pooled.buffer.byteLength - pooled.byteOffset - pooled.length;
      pooled = Buffer.allocUnsafe(room < 1_000 ? room : 504);
    }
    pooled.fill(' ').write(text);
    const large = Buffer.allocUnsafeSlow(Buffer.poolSize + 1).fill(' ');
    large.write('[{"c":3}');
    for (const [chunk, elements, isGone] of [
      [pooled, ['{"a":1}', '{"b":2}'], false],
      [large, ['{"c":3}'], true],
    ] as const) {
      const { buffer } = chunk;
      const source = (async function* () {
        yield chunk;
        if (chunk === large) yield Buffer.from(']');
      })();
      const found: string[] = [];
      for await (const slice of sliceElements(source, { ownsChunks: true })) {
        found.push(textOf(slice));
        if (slice.bytes) giveBack(slice.bytes);
      }
      expect(found).toEqual(elements);
      expect((buffer as ArrayBuffer).detached).toBe(isGone);
    }
  });

  it('lends elements that lie in one chunk, whose memory goes with the last of them, and copies the others', async () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((key) =>
      JSON.stringify({ [key]: 'x'.repeat(Buffer.poolSize) }),
    );
    const text = `[${a},${b},${c},${d}]`;
    const middle = text.indexOf('"c"');
    const [first, second] = [text.slice(0, middle), text.slice(middle)].map((part) => {
      const chunk = Buffer.allocUnsafeSlow(part.length);
      chunk.write(part);
      return chunk;
    });
    if (!first || !second) throw new Error('There are no chunks.');
    const slices: Slice[] = [];
    for await (const slice of sliceElements(eachOf([first, second]), { ownsChunks: true }))
      slices.push(slice);
    expect(slices.map(textOf)).toEqual([a, b, c, d]);
    const found = slices.flatMap(({ bytes }) => bytes ?? []);
    const whole: ArrayBufferLike[] = [first.buffer, second.buffer];
    expect(found.map(({ buffer }) => whole.indexOf(buffer))).toEqual([0, 0, -1, 1]);
    expect(found.map(isShared)).toEqual([true, true, false, false]);

    const [kept, ...gone] = found;
    giveBack(...gone);
    expect(second.buffer.detached).toBe(true);
    expect(kept?.toString()).toBe(a);
    giveBack(...found.slice(0, 1));
    expect(first.buffer.detached).toBe(true);
  });

  it('leaves a buffer that is filled by and by until it is full and read', async () => {
    const texts = ['a', 'b', 'c'].map((key) => JSON.stringify({ [key]: 'x'.repeat(Buffer.poolSize) }));
    const pieces = [`[${texts[0]},`, `${texts[1]},`, `${texts[2]}]`];
    const whole = Buffer.allocUnsafeSlow(pieces.join('').length);
    async function* fill(): AsyncGenerator<Buffer> {
      let at = 0;
      for (const piece of pieces) {
        expect(whole.buffer.detached).toBe(false);
        at += whole.write(piece, at);
        yield whole.subarray(at - piece.length, at);
      }
    }
    const found: string[] = [];
    for await (const slice of sliceElements(fill(), { ownsChunks: true })) {
      found.push(textOf(slice));
      if (slice.bytes) giveBack(slice.bytes);
    }
    expect(found).toEqual(texts);
    expect(whole.buffer.detached).toBe(true);
  });

  it.each([
    ['that are a small part of their chunk', 1, {}],
    ['of which few are kept', 4, { keepsFew: true }],
  ])('copies elements %s', async (_what, elements, options) => {
    const chunk = Buffer.alloc(3 * Buffer.poolSize, ' ');
    const text = 'x'.repeat(Buffer.poolSize / 2);
    chunk.write(JSON.stringify(Array.from({ length: elements }, () => text)));
    const slices: Slice[] = [];
    for await (const slice of sliceElements(eachOf([chunk]), { ownsChunks: true, ...options }))
      slices.push(slice);
    expect(slices).toHaveLength(elements);
    expect(chunk.buffer.detached).toBe(true);
    expect(new Set(slices.map(textOf))).toEqual(new Set([JSON.stringify(text)]));
  });

  it('keeps its limits for elements that lie in one chunk', async () => {
    const limits = { maxElementBytes: 8, maxValues: 3, fromElement: 1, ownsChunks: true };
    const chunks = eachOf([Buffer.from('[{"a":1},{"b":22},{"c":3},{"d":"4444"},[,,,,,],[]]')]);
    const found: string[] = [];
    for await (const slice of sliceElements(chunks, limits)) found.push(textOf(slice));
    expect(found).toEqual(['{"b":22}', '{"c":3}', 'ELEMENT_TOO_LARGE', 'ELEMENT_TOO_LARGE', '[]']);
  });

  it('passes an error of the source on, after the elements before it', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('[{"a":1},{"b"');
      throw new Error('source');
    }
    const elements: string[] = [];
    const reading = (async () => {
      for await (const slice of sliceElements(failing())) elements.push(textOf(slice));
    })();
    await expect(reading).rejects.toThrow('source');
    expect(elements).toEqual(['{"a":1}']);
  });
});

describe('slicing any JSON', () => {
  const element = fc.oneof(fc.jsonValue(), fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()));
  const spaces = fc.constantFrom(undefined, 1, '\t');

  it('at any chunk size gives what parsing the whole gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(element),
        spaces,
        fc.integer({ min: 1, max: 40 }),
        async (list, space, chunkBytes) => {
          const source = JSON.stringify(list, null, space);
          const result = await cut(source, chunkBytes);
          expect(result.end).toBe('OK');
          expect(result.elements.map((text) => JSON.parse(text))).toEqual(JSON.parse(source));
        },
      ),
    );
  });

  it('cut anywhere gives the elements before the cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (list, part) => {
          const source = Buffer.from(JSON.stringify(list));
          const result = await cut(source.subarray(0, Math.floor((source.length - 1) * part)), 16);
          expect(result.end).toBe('JSON_TRUNCATED');
          const parsed = result.elements.map((text) => JSON.parse(text));
          expect(parsed).toEqual(JSON.parse(JSON.stringify(list.slice(0, parsed.length))));
        },
      ),
    );
  });
});
