import { describe, expect, it } from 'vitest';
import { openExport } from '../../../src/archive/export.ts';
import { bytesOf, dialogue, importZip, limits, makeZip, temporaryFile, type ZipPart } from '../builders.ts';
import { idsIn, manifest, shard } from './parts.ts';

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

  describe('in an unpacked portal', () => {
    const folder = 'User Online Activity/';
    const attached = `${folder}Files__x-files-0001/personal/files/`;
    const chats = shard(`${folder}Conversations__x-chatgpt-0001/conversations-000.json`, 'a');

    it('never come from the files that were attached', async () => {
      const result = await importZip(
        makeZip([
          chats,
          shard(`${attached}conversations.json`, 'old'),
          shard(`${attached}conversations-003.json`, 'older'),
          { ...manifest('conversations-005.json'), name: `${attached}export_manifest.json` },
        ]),
      );
      expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a']);
      expect(result.problems).toEqual([]);
    });

    it.each([
      'Files__x-files-0001/personal/files/conversations.json',
      'my archive/Files__x-files-0001/conversations-000.json',
      'Files_x-files-0002/personal/files/conversations.json',
    ])('are not %s, even when there are no others', async (name) => {
      await expect(importZip(makeZip([shard(name, 'old')]))).rejects.toMatchObject({
        code: 'NO_CONVERSATIONS',
      });
    });

    it('may stand below personal/files or in somebody’s own folder when there are no others', async () => {
      expect(await idsIn([shard('personal/files/conversations.json', 'a')])).toEqual(['a']);
      const code = 'personal/files/user-x/abc/mnt/data/conversations.json';
      expect(await idsIn([shard('personal/files/conversations.json', 'a'), shard(code, 'b')])).toEqual(['a']);
      expect(await idsIn([shard('Files_2024/conversations.json', 'a')])).toEqual(['a']);
      expect(await idsIn([chats, shard('personal/files/conversations.json', 'old')])).toEqual(['a']);
      const listed = { ...manifest('conversations-001.json'), name: 'personal/files/export_manifest.json' };
      const result = await importZip(makeZip([shard('personal/files/conversations-000.json', 'a'), listed]));
      expect(result.problems).toEqual(['SHARD_MISSING']);
    });

    it('are not taken from a zip that was attached', async () => {
      const zip = (name: string, id: string): ZipPart => ({
        name,
        data: makeZip([shard('conversations.json', id)]),
      });
      const old = zip(`${attached}Conversations__x-chatgpt-0007.zip`, 'old');
      const result = await importZip(makeZip([zip('Conversations__x-chatgpt-0001.zip', 'a'), old]));
      expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a']);
      expect(result.problems).toEqual([]);
      await expect(importZip(makeZip([old]))).rejects.toMatchObject({ code: 'NO_CONVERSATIONS' });
      const bare = zip('personal/files/Conversations__x-chatgpt-0001.zip', 'b');
      expect(await idsIn([bare])).toEqual(['b']);
      expect(await idsIn([bare, zip('Conversations__x-chatgpt-0001.zip', 'a')])).toEqual(['a']);
    });
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
