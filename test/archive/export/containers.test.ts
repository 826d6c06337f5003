import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openExport } from '../../../src/archive/export.ts';
import {
  bytesOf,
  dialogue,
  importPath,
  importZip,
  limits,
  makeZip,
  temporaryFile,
  temporaryFolder,
  type ZipPart,
} from '../builders.ts';
import { idsIn, manifest, shard } from './parts.ts';

const a = shard('conversations-000.json', 'a');
const b = shard('conversations-001.json', 'b');
const c = shard('conversations-002.json', 'c');
const both = manifest('conversations-000.json', 'conversations-001.json');

/** A manifest of the first two files that tells their sizes. */
const sized = (size_bytes: number): ZipPart => ({
  ...both,
  data: bytesOf({
    export_files: [0, 1].map((number) => ({ path: `conversations-00${number}.json`, size_bytes })),
  }),
});

describe('a container of the Privacy Portal', () => {
  const part = (number: number, method: number, ...ids: string[]): ZipPart => ({
    name: `User Online Activity/Conversations__abc-chatgpt-000${number}.zip`,
    data: makeZip([shard('conversations-000.json', ...ids), { name: `file-${number}-cat.png`, data: 'png' }]),
    method,
  });

  it.each([0, 8])('is read one level down, packed with method %i', async (method) => {
    const files = {
      name: 'User Online Activity/Files__abc-files-0001.zip',
      data: makeZip([shard('conversations.json', 'old')]),
    };
    const path = await temporaryFile(makeZip([part(2, method, 'c'), part(1, method, 'a', 'b'), files]));
    const result = await importPath(path);
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a', 'b', 'c']);
    expect(result.problems).toEqual([]);
    expect(await readdir(dirname(path))).toEqual(['export.zip']);
  });

  it('is not read two levels down, nor when there are conversations beside it', async () => {
    const nested = { name: 'Conversations__x.zip', data: makeZip([part(1, 0, 'deep')]), method: 0 };
    await expect(importZip(makeZip([nested]))).rejects.toMatchObject({ code: 'NO_CONVERSATIONS' });
    expect(await idsIn([shard('conversations.json', 'a'), part(1, 0, 'b')])).toEqual(['a']);
  });

  it('cut after its first part is not taken for that part', async () => {
    const zip = makeZip([part(1, 0, 'a'), part(2, 0, 'b')]);
    const end = zip.indexOf('PK\x05\x06') + 22;
    await expect(importZip(zip.subarray(0, end))).rejects.toMatchObject({ code: 'ZIP_TRUNCATED' });
  });

  it('reports a part that is damaged and reads the others', async () => {
    const broken = { name: 'Conversations__0.zip', data: 'not a zip', method: 0 };
    const result = await importZip(makeZip([broken, part(1, 0, 'a')]));
    expect(result.conversations).toHaveLength(1);
    expect(result.problems).toEqual(['NOT_A_ZIP']);
  });

  it('opens a part whose own checksum is wrong, and reports it', async () => {
    const result = await importZip(makeZip([{ ...part(1, 8, 'a', 'b'), crc: 5 }]));
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a', 'b']);
    expect(result.problems).toEqual(['ZIP_BAD_CRC']);
  });

  it('warns of a gap in the numbers of its parts', async () => {
    expect((await importZip(makeZip([part(1, 0, 'a'), part(3, 0, 'b')]))).problems).toEqual(['SHARD_GAP']);
  });

  it('is held as a whole to the limits of one zip', async () => {
    const inner = (id: string): ZipPart => {
      const data = bytesOf([dialogue(id, { filler: 'x'.repeat(10_000) })]);
      return { name: `Conversations__${id}.zip`, data: makeZip([{ name: 'conversations.json', data }]) };
    };
    const result = await importZip(makeZip([inner('a'), inner('b')]), { maxExpandedBytes: 15_000 });
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a']);
    expect(result.problems).toEqual(['ZIP_TOO_LARGE']);
  });

  it('is held as a whole to the number of entries of one zip', async () => {
    const inner = (id: string): ZipPart => ({
      name: `Conversations__${id}.zip`,
      // Entries that were refused take their room, too.
      data: makeZip([shard('conversations.json', id), { name: '/refused' }]),
    });
    const result = await importZip(makeZip(['a', 'b', 'c'].map(inner)), { ...limits, maxEntries: 4 });
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a', 'b']);
    expect(result.problems).toEqual(['ENTRY_REFUSED', 'ENTRY_REFUSED', 'ZIP_TOO_LARGE']);
  });

  it('names the parts that are more than can be open at once', async () => {
    const parts = Array.from({ length: 203 }, (_, at) => ({
      name: `Conversations__${at}.zip`,
      data: makeZip([shard('conversations.json', `c${at}`)]),
      method: 0,
    }));
    const path = await temporaryFile(makeZip(parts));
    const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
    onTestFinished(() => archive.close());
    expect(archive.shards).toHaveLength(200);
    expect(archive.problems).toEqual([
      {
        code: 'PARTS_TOO_MANY',
        reason: expect.stringMatching(
          /203 zips.* Left out: Conversations__200\.zip to Conversations__202\.zip/,
        ),
      },
    ]);
  });

  it('does not miss in one part what another holds', async () => {
    const listed = manifest('conversations-000.json', 'conversations-001.json', 'conversations-002.json');
    const one = {
      name: 'Conversations__1.zip',
      data: makeZip([shard('conversations-000.json', 'a'), listed]),
    };
    const two = {
      name: 'Conversations__2.zip',
      data: makeZip([shard('conversations-001.json', 'b'), listed]),
    };
    expect((await importZip(makeZip([one, two]))).problems).toEqual(['SHARD_MISSING']);
  });

  it.each<[string, ZipPart[][], string[]]>([
    [
      'lacks what another holds of its own',
      [
        [a, b, both],
        [a, both],
      ],
      ['2.zip: It lists conversations-001.json'],
    ],
    [
      'holds nothing of what it lists',
      [[a, b, both], [both]],
      ['2.zip: It lists conversations-000.json', '2.zip: It lists conversations-001.json'],
    ],
    [
      'lacks what another lacks, too',
      [
        [a, both],
        [a, both],
      ],
      ['1.zip: It lists conversations-001.json', '2.zip: It lists conversations-001.json'],
    ],
    [
      'lists other sizes than another, so that each is an export of its own',
      [
        [a, sized(5)],
        [b, sized(6)],
      ],
      ['1.zip: It lists conversations-001.json', '2.zip: It lists conversations-000.json'],
    ],
    [
      'without a manifest has a gap that another fills',
      [
        [a, b, c],
        [a, c],
      ],
      ['2.zip: The numbers'],
    ],
    ['without a manifest goes on where another ends', [[a, b], [c]], []],
    [
      'holds the rest of what one manifest lists for all',
      [
        [a, both],
        [b, both],
      ],
      [],
    ],
    ['holds one of what the manifest of another lists', [[a], [b, both]], []],
    ['is whole beside one without a manifest that goes on', [[a, b, both], [c]], []],
    [
      'is whole, as the other is',
      [
        [a, b, both],
        [a, b, both],
      ],
      [],
    ],
  ])('misses what is missing where a part %s', async (_case, parts, expected) => {
    const zips = parts.map((files, at) => ({ name: `Conversations__${at + 1}.zip`, data: makeZip(files) }));
    const path = await temporaryFile(makeZip(zips));
    const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
    onTestFinished(() => archive.close());
    const reasons = archive.problems.map(({ reason }) => reason);
    expect(reasons).toEqual(expected.map((reason) => expect.stringContaining(reason)));
  });

  it('is the same when it was unpacked', async () => {
    const inside = (folder: string, ...files: ZipPart[]) =>
      files.map((file) => ({ ...file, name: `my data/Conversations__x-chatgpt-${folder}/${file.name}` }));
    const map = (names: object): ZipPart => ({
      name: 'conversation_asset_file_names.json',
      data: bytesOf(names),
    });
    const zip = makeZip([
      ...inside('0010', shard('conversations-000.json', 'last')),
      ...inside('0002', both, map({ 'file-2.dat': 'two.png' }), shard('conversations-000.json', 'next')),
      ...inside('0001', a, b, both, map({ 'file-1.dat': 'one.png' })),
      { name: 'my data/Files__x-files-0001/file-1.dat' },
      { name: 'my data/Files__x-files-0001/file-2.dat' },
    ]);
    const path = await temporaryFile(zip);
    const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
    onTestFinished(() => archive.close());
    const gap = 'Conversations__x-chatgpt-0003.zip to Conversations__x-chatgpt-0009.zip may be missing';
    const missing = 'Conversations__x-chatgpt-0002: It lists conversations-001.json, but does not hold it.';
    expect(archive.problems).toEqual([
      { code: 'SHARD_GAP', reason: expect.stringContaining(gap) },
      { code: 'SHARD_MISSING', reason: missing },
    ]);
    expect(archive.assets.resolve('file-1')).toMatchObject({ name: 'one.png' });
    expect(archive.assets.resolve('file-2')).toMatchObject({ name: 'two.png' });
    const ids = (await importPath(path)).conversations.map((conversation) => conversation.externalId);
    expect(ids).toEqual(['a', 'b', 'next', 'last']);
  });

  it('finds the files of its parts', async () => {
    const path = await temporaryFile(makeZip([part(1, 0, 'a')]));
    const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
    expect(archive.assets.resolve('file-1')).toMatchObject({ name: 'cat.png' });
    await archive.close();
  });
});

describe('a folder', () => {
  it('is read like a zip, and links in it are refused', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'unpacked'));
    await writeFile(join(folder, 'unpacked', 'conversations.json'), bytesOf([dialogue('a')]));
    await writeFile(join(folder, 'unpacked', 'Conversations__1.zip'), 'not read');
    await symlink('/etc/passwd', join(folder, 'passwords'));
    const result = await importPath(folder);
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a']);
    expect(result.problems).toEqual(['ENTRY_REFUSED']);
    await symlink('/etc/passwd', join(folder, 'conversations-000.json'));
    expect((await importPath(folder)).problems.toSorted()).toEqual(['ENTRY_REFUSED', 'SHARD_REFUSED']);
  });

  it('nested too deep is reported, for nobody looked into it', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'conversations.json'), bytesOf([dialogue('a')]));
    await mkdir(join(folder, ...Array.from({ length: 33 }, () => 'deeper')), { recursive: true });
    expect((await importPath(folder)).problems).toEqual(['FOLDER_TOO_DEEP']);
  });

  // Linux keeps names as bytes; other systems refuse to make such a one.
  it.runIf(process.platform === 'linux')('names what has a name that is not UTF-8', async () => {
    const folder = await temporaryFolder();
    const odd = (name: string) => Buffer.from(`${folder}/${name}`, 'latin1');
    await writeFile(join(folder, 'conversations.json'), bytesOf([dialogue('a')]));
    await writeFile(odd('caf\xe9.png'), 'png');
    await mkdir(odd('\xe9t\xe9'));
    const archive = await openExport(folder, { limits, tempPath: `${folder}.inner` });
    expect(archive.shards).toHaveLength(1);
    expect(archive.problems.toSorted((a, b) => a.code.localeCompare(b.code))).toEqual([
      { code: 'ENTRY_REFUSED', reason: expect.stringMatching(/caf\ufffd\.png: .*not UTF-8.*rename/) },
      { code: 'FOLDER_UNREADABLE', reason: expect.stringMatching(/\ufffdt\ufffd: .*not UTF-8.*rename/) },
    ]);
  });

  it('may hold the zips of the Privacy Portal', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'Conversations__1.zip'), makeZip([shard('conversations.json', 'a')]));
    expect((await importPath(folder)).conversations).toHaveLength(1);
  });
});
