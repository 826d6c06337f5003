import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openZip, type ZipFile } from '../../../src/archive/zip.ts';
import { limits, makeZip, temporaryFile, type ZipPart } from '../builders.ts';
import { failureOf, open, twoParts } from './parts.ts';

describe('an unsafe name', () => {
  const names = [
    '../../etc/passwd',
    'a/../../b',
    '/etc/passwd',
    '\\\\host\\share',
    'C:\\x.json',
    'c:x',
    'a\\..\\b',
    'a\0b',
  ];
  it.each(names)('%j is refused with a warning and the rest is read', async (name) => {
    const zip = await open([{ name, data: 'evil' }, ...twoParts]);
    expect(zip.entries.map((entry) => entry.name)).toEqual(['a.json', 'folder/b.dat']);
    expect(zip.warnings.map((warning) => warning.code)).toEqual(['ENTRY_REFUSED']);
    await zip.close();
  });

  it.each(['/conversations-001.json', 'a/../Conversations__x-0001.zip', 'C:\\conversations.json'])(
    'of conversations is refused as such: %s',
    async (name) => {
      const zip = await open([{ name, data: 'evil' }, ...twoParts]);
      expect(zip.warnings.map((warning) => warning.code)).toEqual(['SHARD_REFUSED']);
      await zip.close();
    },
  );

  it('of a symbolic link or a device is refused', async () => {
    const zip = await open([
      { name: 'link', data: '/etc/passwd', externalAttributes: 0o120777 << 16 },
      { name: 'device', externalAttributes: 0o020666 << 16 },
      { name: 'file', externalAttributes: 0o100644 << 16 },
    ]);
    expect(zip.entries.map((entry) => entry.name)).toEqual(['file']);
    await zip.close();
  });
});

describe('a zip that cannot be trusted', () => {
  const page = '<!DOCTYPE html><html>expired</html>';
  const cases: [string, Buffer, string][] = [
    ['an empty file', Buffer.alloc(0), 'NOT_A_ZIP'],
    ['three bytes', Buffer.from('PK\x03'), 'NOT_A_ZIP'],
    ['a web page', Buffer.from(page), 'NOT_A_ZIP'],
    ['a zip without its end', makeZip(twoParts).subarray(0, 60), 'ZIP_TRUNCATED'],
    [
      'four billion claimed entries',
      makeZip([], { zip64End: true, entryCount: 4_000_000_000 }),
      'ZIP_INVALID',
    ],
    ['more claimed entries than there are', makeZip(twoParts, { entryCount: 3 }), 'ZIP_INVALID'],
    ['an entry behind the table', makeZip([{ name: 'a', headerOffset: 9_000_000 }]), 'ZIP_INVALID'],
    ['an entry longer than the file', makeZip([{ name: 'a', compressedBytes: 9_000_000 }]), 'ZIP_INVALID'],
    [
      'a thousand rows on one entry',
      makeZip([
        { name: 'a', data: 'x' },
        ...Array.from({ length: 999 }, () => ({ name: 'b', headerOffset: 0 })),
      ]),
      'ZIP_OVERLAP',
    ],
    [
      'more declared bytes than allowed',
      makeZip([{ name: 'a', expandedBytes: 2_000_000_000 }]),
      'ZIP_TOO_LARGE',
    ],
    ['a declared ratio that no export has', makeZip([{ name: 'a', expandedBytes: 900_000_000 }]), 'ZIP_BOMB'],
  ];
  it.each(cases)('%s is refused', async (_name, bytes, code) => {
    await expect(openZip(await temporaryFile(bytes), limits)).rejects.toMatchObject({
      name: 'ArchiveError',
      code,
    });
  });

  it('that is a web page says that the link may have expired', async () => {
    await expect(openZip(await temporaryFile(page), limits)).rejects.toThrow(/expired/);
  });

  it.each(['[{}]', ' {"conversations": []}', '\ufeff['])('that is JSON says what to do: %s', async (json) => {
    await expect(openZip(await temporaryFile(json), limits)).rejects.toThrow(/put it into a zip/);
  });

  it('with a table of more bytes than any export has is refused', async () => {
    const name = 'n'.repeat(65_000);
    const parts = Array.from({ length: 520 }, (_, index) => ({ name: `${index}${name}`, method: 0 }));
    await expect(openZip(await temporaryFile(makeZip(parts)), limits)).rejects.toMatchObject({
      code: 'ZIP_TOO_LARGE',
    });
  });

  it('with too many entries is refused', async () => {
    const path = await temporaryFile(makeZip(twoParts));
    await expect(openZip(path, { ...limits, maxEntries: 1 })).rejects.toMatchObject({
      code: 'ZIP_TOO_LARGE',
    });
  });

  it('cut at any byte is refused, for its table stands at the end', async () => {
    const bytes = makeZip([...twoParts, { name: 'inner.zip', data: makeZip(twoParts), method: 0 }]);
    for (let length = 0; length < bytes.length; length += 1) {
      const path = await temporaryFile(bytes.subarray(0, length));
      await expect(openZip(path, limits)).rejects.toMatchObject({ name: 'ArchiveError' });
    }
  });

  it('with any byte changed gives its entries or a typed error', async () => {
    const bytes = makeZip(twoParts);
    for (let at = 0; at < bytes.length; at += 1) {
      const bent = Buffer.from(bytes);
      bent[at] = (bent[at] ?? 0) ^ 0xff;
      const zip = await openZip(await temporaryFile(bent), limits).catch((error: unknown) => {
        expect(error).toMatchObject({ name: 'ArchiveError' });
        return null;
      });
      for (const entry of zip?.entries ?? []) {
        expect((await failureOf(zip as ZipFile, entry)).code).toMatch(/^(NONE|ZIP_[A-Z_]+)$/);
      }
      await zip?.close();
    }
  });
});

describe('an entry that is not what the zip promises', () => {
  const data = 'some text '.repeat(5600);
  const cases: [string, ZipPart, { bytes: number; code: string }][] = [
    ['a wrong checksum', { name: 'a', data, crc: 1 }, { bytes: 56_000, code: 'ZIP_BAD_CRC' }],
    [
      'a declared size that is too small',
      { name: 'a', data, expandedBytes: 10 },
      { bytes: 10, code: 'ZIP_BAD_SIZE' },
    ],
    [
      'a declared size that is too great',
      { name: 'a', data, expandedBytes: 60_000 },
      { bytes: 56_000, code: 'ZIP_BAD_SIZE' },
    ],
    ['encryption', { name: 'a', data, flags: 1 }, { bytes: 0, code: 'ZIP_ENCRYPTED' }],
    ['bzip2', { name: 'a', data, method: 12 }, { bytes: 0, code: 'ZIP_UNSUPPORTED_METHOD' }],
    [
      'two sizes though stored',
      { name: 'a', data: 'abc', method: 0, expandedBytes: 2 },
      { bytes: 0, code: 'ZIP_INVALID' },
    ],
  ];
  it.each(cases)('because of %s fails after the last good byte', async (_name, part, expected) => {
    const zip = await open([part]);
    expect(await failureOf(zip, zip.entries[0])).toEqual(expected);
    await zip.close();
  });

  it('because its packed bytes are garbage fails', async () => {
    const bytes = makeZip([{ name: 'a', data }]);
    bytes.fill(0xff, 40, 60);
    const zip = await openZip(await temporaryFile(bytes), limits);
    expect((await failureOf(zip, zip.entries[0])).code).toBe('ZIP_BAD_DATA');
    await zip.close();
  });

  it('is stopped when it expands beyond the ratio, though it declared so', async () => {
    const zeros = deflateRawSync(Buffer.alloc(100 * 1024 * 1024));
    // Padding keeps the ratio of the whole zip harmless.
    const padding = { name: 'b', data: Buffer.alloc(1_000_000, 'x'), method: 0 };
    const zip = await open([{ name: 'a', data: Buffer.alloc(100 * 1024 * 1024) }, padding]);
    expect(zip.entries[0]?.compressedBytes).toBe(zeros.length);
    expect(await failureOf(zip, zip.entries[0])).toEqual({ bytes: 64 * 1024 * 1024, code: 'ZIP_BOMB' });
    await zip.close();
  });
});
