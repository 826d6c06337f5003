import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openZip } from '../../../src/archive/zip.ts';
import { limits, makeZip, temporaryFile, type ZipPart, type ZipShape } from '../builders.ts';
import { contentOf, open, twoParts } from './parts.ts';

describe('a good zip', () => {
  const shapes: [string, ZipPart[], ZipShape?][] = [
    ['as usual', twoParts],
    ['with data descriptors', twoParts.map((part) => ({ ...part, descriptor: true }))],
    ['with 64-bit data descriptors', twoParts.map((part) => ({ ...part, descriptor: true, zip64: true }))],
    ['with 64-bit sizes and offsets', twoParts.map((part) => ({ ...part, zip64: true }))],
    ['with a 64-bit end record', twoParts, { zip64End: true }],
    ['with the longest comment', twoParts, { comment: Buffer.alloc(65_535, 'c') }],
    [
      'with a comment that holds an end signature',
      twoParts,
      { comment: Buffer.from(`PK\x05\x06${'x'.repeat(40)}`) },
    ],
    ['with a program before it', twoParts, { prefix: Buffer.from('MZ program') }],
    [
      'with a program before it and a 64-bit end',
      twoParts,
      { prefix: Buffer.from('MZ program'), zip64End: true },
    ],
    ['with bytes appended', twoParts, { suffix: Buffer.alloc(100) }],
  ];
  it.each(shapes)('%s gives its entries', async (_name, parts, shape) => {
    const zip = await open(parts, shape);
    expect(zip.entries.map((entry) => [entry.name, entry.baseName])).toEqual([
      ['a.json', 'a.json'],
      ['folder/b.dat', 'b.dat'],
    ]);
    expect(await contentOf(zip, zip.entries[0])).toBe('first');
    expect(await contentOf(zip, zip.entries[1])).toBe('second');
    await zip.close();
  });

  it('is not cut at a descriptor signature inside stored data', async () => {
    const data = `before PK\x07\x08 after ${'x'.repeat(500)}`;
    const zip = await open([{ name: 'a.dat', data, method: 0, descriptor: true }]);
    expect(await contentOf(zip, zip.entries[0])).toBe(data);
    await zip.close();
  });

  it('reads a stored zip inside as data, though it ends with an end record', async () => {
    const inner = makeZip([{ name: 'inner.json', data: 'inner' }]);
    const zip = await open([{ name: 'inner.zip', data: inner, method: 0 }]);
    expect(zip.entries.map((entry) => entry.name)).toEqual(['inner.zip']);
    expect(await contentOf(zip, zip.entries[0])).toBe(inner.toString('latin1'));
    await zip.close();
  });

  it('gives an entry of more than one chunk', async () => {
    const data = Buffer.alloc(3_000_000, 'abcdefg');
    const zip = await open([{ name: 'big', data }]);
    expect(await contentOf(zip, zip.entries[0])).toBe(data.toString('latin1'));
    await zip.close();
  });

  it('lets the last of several entries with one name count, and says so', async () => {
    const zip = await open([
      { name: 'a.json', data: 'old' },
      { name: 'a.json', data: 'new' },
    ]);
    expect(zip.entries).toHaveLength(1);
    expect(await contentOf(zip, zip.entries[0])).toBe('new');
    expect(zip.warnings.map((warning) => warning.code)).toEqual(['ENTRY_DUPLICATE']);
    await zip.close();
  });

  it('may be empty', async () => {
    const zip = await open([]);
    expect(zip.entries).toEqual([]);
    await zip.close();
  });

  it('reads a table of 70,000 entries', async () => {
    const parts = Array.from({ length: 70_000 }, (_, index) => ({ name: `f${index}`, method: 0 }));
    const zip = await open(parts, { zip64End: true });
    expect(zip.entries).toHaveLength(70_000);
    await zip.close();
  }, 60_000);
});

describe('reading', () => {
  it('stops with the signal and leaves nothing behind', async () => {
    const path = await temporaryFile(makeZip([{ name: 'a', data: Buffer.alloc(20_000_000, 'ab') }]));
    const zip = await openZip(path, limits);
    const controller = new AbortController();
    const [entry] = zip.entries;
    if (entry === undefined) throw new Error('The entry is missing.');
    const reading = (async () => {
      for await (const _chunk of zip.read(entry, controller.signal)) controller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    await zip.close();
    expect(await readdir(dirname(path))).toEqual(['export.zip']);
  });
});
