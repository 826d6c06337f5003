import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openExport } from '../../src/archive/export.ts';
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
} from './builders.ts';

function shard(name: string, ...ids: string[]): ZipPart {
  return { name, data: bytesOf(ids.map((id) => dialogue(id))) };
}

async function idsIn(parts: ZipPart[]): Promise<string[]> {
  return (await importZip(makeZip(parts))).conversations.map((conversation) => conversation.externalId);
}

const manifest = (...files: string[]): ZipPart => ({
  name: 'export_manifest.json',
  data: bytesOf({
    version: 1,
    export_files: [],
    logical_files: { 'conversations.json': { files, sharded: true } },
  }),
});

describe('the files of an export', () => {
  it('are read in the order of their numbers, the single one first', async () => {
    const parts = [
      shard('conversations-010.json', 'd'),
      shard('conversations-2.json', 'c'),
      shard('conversations-001.json', 'b'),
      shard('conversations.json', 'a'),
    ];
    expect(await idsIn(parts)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('never come from the code interpreter when there are others', async () => {
    const code = 'user-x/abc/mnt/data/conversations.json';
    expect(await idsIn([shard('conversations.json', 'a'), shard(code, 'b')])).toEqual(['a']);
    expect(await idsIn([shard(code, 'b')])).toEqual(['b']);
    const inner = { name: 'Conversations__1.zip', data: makeZip([shard('conversations.json', 'a')]) };
    expect(await idsIn([inner, shard(code, 'b')])).toEqual(['a']);
  });

  it('are found in a wrapping folder and under a copy’s name', async () => {
    expect(await idsIn([shard('my export/conversations (1).json', 'a')])).toEqual(['a']);
    expect(await idsIn([shard('x\\y\\Conversations-000.JSON', 'a')])).toEqual(['a']);
  });

  it('are never files that only sound like conversations', async () => {
    const decoys = [
      'shared_conversations.json',
      'sectioned_conversations.json',
      '__MACOSX/conversations.json',
      '._conversations.json',
      'conversations-x.json',
      'conversations.json.bak',
    ];
    expect(
      await idsIn([shard('conversations.json', 'a'), ...decoys.map((name) => shard(name, 'decoy'))]),
    ).toEqual(['a']);
  });

  it('that the manifest lists but the archive lacks are reported and the rest is read', async () => {
    const result = await importZip(
      makeZip([
        shard('conversations-000.json', 'a'),
        manifest('conversations-000.json', 'conversations-001.json'),
      ]),
    );
    expect(result.conversations).toHaveLength(1);
    expect(result.problems).toEqual(['SHARD_MISSING']);
  });

  it.each([
    [['conversations-000.json', 'conversations-002.json'], 'conversations-001.json'],
    [['conversations-5.json'], 'conversations-000.json to conversations-004.json'],
    [
      ['conversations.json', 'conversations-001.json', 'conversations-900.json'],
      '002.json to conversations-899',
    ],
  ])('without a manifest are missed where the numbers have a gap: %j', async (names, missing) => {
    const path = await temporaryFile(makeZip(names.map((name) => shard(name, name))));
    const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
    expect(archive.problems).toEqual([{ code: 'SHARD_GAP', reason: expect.stringContaining(missing) }]);
    await archive.close();
  });

  it('are compared with the manifest by their numbers, and copies count', async () => {
    const parts = [shard('conversations-1.json', 'a'), shard('conversations-002 (1).json', 'b')];
    expect((await importZip(makeZip(parts))).problems).toEqual([]);
    const listed = manifest('conversations-001.json', 'conversations-002.json');
    expect((await importZip(makeZip([...parts, listed]))).problems).toEqual([]);
    const copy = { ...manifest('conversations-003.json'), name: 'export_manifest (1).json' };
    expect((await importZip(makeZip([...parts, copy]))).problems).toEqual(['SHARD_MISSING']);
  });

  it('need no manifest, nor one that tells the truth or is JSON', async () => {
    const decoy = { name: 'sites/export_manifest.json', data: '{"artifacts":[],"requested_at":"x"}' };
    expect((await importZip(makeZip([shard('conversations.json', 'a'), decoy]))).problems).toEqual([]);
    const broken = { name: 'export_manifest.json', data: '{' };
    const result = await importZip(makeZip([shard('conversations.json', 'a'), broken]));
    expect(result.problems).toEqual(['SIDE_FILE_UNREADABLE']);
    expect(result.conversations).toHaveLength(1);
  });

  it.each([
    { files: [{ name: 'conversations.json', shards: ['conversations-001.json'] }] },
    { logical_files: [{ name: 'conversations.json', files: ['conversations-001.json'] }] },
    { export_files: [{ path: 'conversations-001.json', size_bytes: 5 }] },
  ])('are listed by any form of the manifest: %j', async (value) => {
    const zip = makeZip([
      shard('conversations-000.json', 'a'),
      { name: 'export_manifest.json', data: bytesOf(value) },
    ]);
    expect((await importZip(zip)).problems).toEqual(['SHARD_MISSING']);
  });

  it('that are damaged give what comes before, and the others are read', async () => {
    const cutJson = bytesOf([dialogue('a'), dialogue('b')]).subarray(0, -100);
    const badCrc = { ...shard('conversations-001.json', 'c'), crc: 5 };
    const result = await importZip(
      makeZip([
        { name: 'conversations-000.json', data: cutJson },
        badCrc,
        shard('conversations-002.json', 'd'),
      ]),
    );
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a', 'c', 'd']);
    expect(result.problems).toEqual(['JSON_TRUNCATED', 'ZIP_BAD_CRC']);
  });

  it.each([
    ['export_manifest', `[${'[],'.repeat(3_000_000)}[]]`],
    ['library_files', `[${'{},'.repeat(500_000)}{}]`],
    ['conversation_asset_file_names', `{"a":"${'x'.repeat(9_000_000)}"}`],
  ])('are read without an %s that is too large, wherever it lies', async (name, data) => {
    const far = { name: `deep/${name}.json`, data };
    const zip = (...more: ZipPart[]) => makeZip([shard('conversations.json', 'a'), far, ...more]);
    const result = await importZip(zip());
    expect(result.conversations).toHaveLength(1);
    expect(result.problems).toEqual(['SIDE_FILE_UNREADABLE']);
    expect((await importZip(zip({ name: `${name}.json`, data: '{}' }))).problems).toEqual([]);
  });

  it('may be read again from any element', async () => {
    const path = await temporaryFile(makeZip([shard('conversations.json', 'a', 'b', 'c')]));
    const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
    const elements: number[] = [];
    const [first] = archive.shards;
    if (first === undefined) throw new Error('The shard is missing.');
    for await (const slice of archive.readShard(first, { fromElement: 1 })) elements.push(slice.element);
    expect(elements).toEqual([1, 2]);
    expect(archive.totalBytes).toBe(first.expandedBytes);
    await archive.close();
  });
});

describe('an archive without conversations', () => {
  it('says what was found and what is supported', async () => {
    const path = await temporaryFile(makeZip([{ name: 'holiday.jpg', data: 'x' }]));
    await expect(openExport(path, { limits, tempPath: `${path}.inner` })).rejects.toMatchObject({
      code: 'NO_CONVERSATIONS',
      message: expect.stringMatching(/holiday\.jpg.*ChatGPT and Claude/s),
    });
  });

  it.each([
    ['empty', [], 'NO_CONVERSATIONS'],
    ['encrypted', [{ ...shard('conversations.json', 'a'), flags: 1 }], 'ZIP_ENCRYPTED'],
    ['oddly packed', [{ ...shard('conversations.json', 'a'), method: 9 }], 'ZIP_UNSUPPORTED_METHOD'],
  ] as [string, ZipPart[], string][])('because it is %s is refused by name', async (_name, parts, code) => {
    await expect(importZip(makeZip(parts))).rejects.toMatchObject({ name: 'ArchiveError', code });
  });

  it('in one file only loses that file', async () => {
    const result = await importZip(
      makeZip([{ ...shard('conversations-000.json', 'a'), method: 9 }, shard('conversations-001.json', 'b')]),
    );
    expect(result.conversations).toHaveLength(1);
    expect(result.problems).toEqual(['ZIP_UNSUPPORTED_METHOD']);
  });
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

  it('may hold the zips of the Privacy Portal', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'Conversations__1.zip'), makeZip([shard('conversations.json', 'a')]));
    expect((await importPath(folder)).conversations).toHaveLength(1);
  });
});

describe('elements of an export', () => {
  it('that cannot be read never stop the others', async () => {
    const elements = [
      '{bad}',
      '5',
      '"NaN"',
      '{"conversation_id":"shell","title":"Shell"}',
      '{"mapping":null,"id":"s"}',
      '{}',
      `${'['.repeat(2000)}${']'.repeat(2000)}`,
      JSON.stringify(dialogue('good')),
    ];
    const result = await importZip(
      makeZip([{ name: 'conversations.json', data: `[${elements.join(',')}]` }]),
    );
    expect(result.others.map(({ element, code }) => [element, code])).toEqual([
      [0, 'JSON_INVALID'],
      [1, 'NOT_A_CONVERSATION'],
      [2, 'NOT_A_CONVERSATION'],
      [3, 'EMPTY'],
      [4, 'EMPTY'],
      [5, 'NOT_A_CONVERSATION'],
      [6, 'ELEMENT_TOO_DEEP'],
    ]);
    expect(result.conversations).toHaveLength(1);
  });

  it('larger than the limit are reported and skipped', async () => {
    const big = dialogue('big', { filler: 'x'.repeat(100_000) });
    const zip = makeZip([{ name: 'conversations.json', data: bytesOf([dialogue('a'), big, dialogue('b')]) }]);
    const result = await importZip(zip, { ...limits, maxElementBytes: 50_000 });
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a', 'b']);
    expect(result.others).toEqual([{ shard: 'conversations.json', element: 1, code: 'ELEMENT_TOO_LARGE' }]);
  });

  it('of other providers are named', async () => {
    const deepSeek = {
      id: 'd',
      inserted_at: '2025',
      mapping: { a: { id: 'a', parent: null, message: { fragments: [] } } },
    };
    const grok = { conversation: { id: 'g' }, responses: [] };
    const result = await importZip(
      makeZip([{ name: 'conversations.json', data: bytesOf([deepSeek, grok]) }]),
    );
    expect(result.others.map((other) => other.code)).toEqual([
      'PROVIDER_UNSUPPORTED',
      'PROVIDER_UNSUPPORTED',
    ]);
  });
});
