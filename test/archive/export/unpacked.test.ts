import { describe, expect, it, onTestFinished } from 'vitest';
import { type ExportArchive, openExport } from '../../../src/archive/export.ts';
import { bytesOf, limits, makeZip, temporaryFile, type ZipPart } from '../builders.ts';
import { idsIn, manifest, shard } from './parts.ts';

const both = manifest('conversations-000.json', 'conversations-001.json');

const into = (folder: string, ...files: ZipPart[]): ZipPart[] =>
  files.map((file) => ({ ...file, name: `${folder}/${file.name}` }));

async function opened(...files: ZipPart[]): Promise<ExportArchive> {
  const path = await temporaryFile(makeZip(files));
  const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
  onTestFinished(() => archive.close());
  return archive;
}

describe('a manifest above the folders of conversations', () => {
  const missing = 'The export lists conversations-001.json, but it is not in the archive.';

  it.each<[string, ZipPart[]]>([
    ['of an export of its own', into('exp/conversations_json', shard('conversations-000.json', 'a'))],
    ['of a part', into('exp/Conversations__x-chatgpt-0001', shard('conversations-000.json', 'a'))],
    [
      'of parts that are each numbered anew',
      [
        ...into('exp/Conversations__x-chatgpt-0001', shard('conversations-000.json', 'a')),
        ...into('exp/Conversations__x-chatgpt-0002', shard('conversations-000.json', 'b')),
      ],
    ],
  ])('tells what is missing in the folder %s', async (_case, files) => {
    const { problems } = await opened(...files, ...into('exp', both));
    expect(problems).toEqual([{ code: 'SHARD_MISSING', reason: missing }]);
  });

  it.each(['Conversations_', 'Conversations__'])('is kept to by all together: %sa and b', async (name) => {
    const three = manifest('conversations-000.json', 'conversations-001.json', 'conversations-002.json');
    const sorted = [
      ...into(`exp/${name}a`, shard('conversations-000.json', 'a')),
      ...into(`exp/${name}b`, shard('conversations-002.json', 'c')),
    ];
    const { problems } = await opened(...sorted, ...into('exp', three));
    expect(problems).toEqual([{ code: 'SHARD_MISSING', reason: missing }]);
    const rest = into(`exp/${name}b`, shard('conversations-001.json', 'b'));
    expect((await opened(...sorted, ...rest, ...into('exp', three))).problems).toEqual([]);
    const alike = [...into(`exp/${name}a`, three), ...into(`exp/${name}b`, three)];
    expect((await opened(...sorted, ...rest, ...into('exp', three), ...alike)).problems).toEqual([]);
  });
});

describe('the numbers of unpacked parts', () => {
  const part = (series: string, ...files: ZipPart[]) => into(`Conversations_${series}`, ...files);
  const one = shard('conversations.json', 'a');

  it.each<[string, ZipPart[], string[]]>([
    ['end', part('_x-0001', one), []],
    ['may begin late', part('_x-0002', one), []],
    ['begin later than any do', part('x-chatgpt-0003 (1)', one), ['x-chatgpt-0001.zip to']],
    ['jump', [...part('x-part-0001', one), ...part('x-part-0003', one)], ['x-part-0002.zip may']],
    [
      'count through a part without conversations',
      [...part('_x-0001', one), ...part('_x-0002', { name: 'a.dat' }), ...part('_x-0003', one)],
      [],
    ],
    [
      'are none where they are attached',
      [
        ...part('_x-0001', one),
        ...into('Files__x-files-0001/personal/files', ...part('_y-0007', one)),
        ...into('personal/files', ...part('_z-0007', one)),
      ],
      [],
    ],
    [
      'are none where they are left from a Mac',
      [...part('_x-0001', one), ...into('__MACOSX', ...part('_x-0007', one))],
      [],
    ],
  ])('%s', async (_case, files, expected) => {
    const { problems } = await opened(...files);
    const reasons = problems.map(({ reason }) => reason);
    expect(reasons).toEqual(expected.map((reason) => expect.stringContaining(reason)));
  });
});

describe('zips of conversations beside unpacked ones', () => {
  const part = (number: number, ...ids: string[]) =>
    into(`my data/Conversations__x-000${number}`, shard('conversations-000.json', ...ids));
  const zip = (name: string, id: string): ZipPart => ({
    name: `${name}.zip`,
    data: makeZip([shard('conversations-000.json', id)]),
    method: 0,
  });

  it('are read, too', async () => {
    expect(await idsIn([...part(1, 'a'), zip('my data/Conversations__x-0002', 'b')])).toEqual(['a', 'b']);
  });

  it('are counted with them', async () => {
    const files = [...part(1, 'a'), zip('my data/Conversations__x-0003', 'c')];
    const { problems } = await opened(...files);
    expect(problems).toMatchObject([
      { code: 'SHARD_GAP', reason: expect.stringMatching(/: Conversations__x-0002\.zip may/) },
    ]);
  });

  it.each([
    ['they are what was unpacked', 'my data/Conversations__x-0001'],
    ['they are what was unpacked, elsewhere', 'downloads/conversations__X-0001'],
    ['they lie in what was unpacked', 'my data/Conversations__x-0001/Conversations__y'],
    ['they were attached', 'personal/files/Conversations__y'],
  ])('are not read where %s', async (_case, name) => {
    expect(await idsIn([...part(1, 'a'), zip(name, 'b')])).toEqual(['a']);
  });

  it('are not read beside conversations of no part', async () => {
    const files = [...part(1, 'a'), shard('conversations.json', 'b')];
    const zips = [zip('Conversations__x-0002', 'c'), zip('Conversations__of me/Conversations__x-0003', 'd')];
    expect(await idsIn([...files, ...zips])).toEqual(['b', 'a']);
  });

  it('are read where what was unpacked lacks the conversations', async () => {
    const rest = into('Conversations__x-0001', { name: 'chat.html' });
    expect(await idsIn([...rest, zip('Conversations__x-0001', 'a')])).toEqual(['a']);
    const within = zip('Conversations__of me/Conversations__x-0001', 'a');
    expect(await idsIn([within])).toEqual(['a']);
  });
});

describe('what a folder of attached files says of them', () => {
  const chats = into('Conversations__x-chatgpt-0001', shard('conversations-000.json', 'a'));
  const attached = 'my data/Files__x-files-0001';
  const map: ZipPart = {
    name: 'conversation_asset_file_names.json',
    data: bytesOf({ 'file-1.dat': 'one.png' }),
  };
  const library: ZipPart = {
    name: 'library_files.json',
    data: bytesOf([{ file_id: 'file-1', file_name: 'one.png' }]),
  };

  it.each([
    ['names', map],
    ['library', library],
  ])('is read at its root: the %s', async (_case, file) => {
    const { assets, problems } = await opened(...chats, ...into(attached, file, { name: 'file-1.dat' }));
    expect(assets.resolve('file-1')).toMatchObject({ name: 'one.png' });
    expect(problems).toEqual([]);
  });

  it.each(['/personal/files', '/2024', '/2024/Files__y-files-0001'])('is not read in %s', async (folder) => {
    const { assets } = await opened(...chats, ...into(attached + folder, map), { name: 'file-1.dat' });
    expect(assets.resolve('file-1')).toMatchObject({ name: null });
  });

  it('gives way to what the export says', async () => {
    const own = { ...map, data: bytesOf({ 'file-1.dat': 'own.png' }) };
    const { assets } = await opened(
      ...chats,
      ...into(attached, map, { name: 'file-1.dat' }),
      ...into('my data/deep/export', own),
    );
    expect(assets.resolve('file-1')).toMatchObject({ name: 'own.png' });
  });

  it('is no manifest', async () => {
    expect((await opened(...chats, ...into(attached, both))).problems).toEqual([]);
  });
});

describe('problems of an archive', () => {
  const each = (count: number, file: (number: number) => ZipPart[]): ZipPart[] =>
    Array.from({ length: count }, (_, number) => file(number)).flat();
  const inPart = (number: number, file: ZipPart) => into(`Conversations__${number}`, file);
  const codesOf = ({ problems }: ExportArchive) => problems.map(({ code }) => code);
  const empty = { data: '[]', method: 0 };

  it('stay few where a thousand parts have gaps', async () => {
    const archive = await opened(
      ...each(1_000, (number) => inPart(number, { ...empty, name: 'conversations-005.json' })),
    );
    expect(codesOf(archive)).toEqual(Array(6).fill('SHARD_GAP'));
    expect(archive.problems[4]?.reason).toMatch(/^Conversations__4: .*conversations-004\.json/);
    expect(archive.problems[5]?.reason).toBe('Not named here: 995 more of this kind.');
  });

  it('stay few where a thousand parts lack what they list', async () => {
    const archive = await opened(
      ...into(
        'Conversations__x',
        shard('conversations-000.json', 'a'),
        shard('conversations-001.json'),
        both,
      ),
      ...each(1_000, (number) => inPart(number, both)),
    );
    expect(codesOf(archive)).toEqual(Array(6).fill('SHARD_MISSING'));
    expect(archive.problems[5]?.reason).toBe('Not named here: 1995 more of this kind.');
  });

  it('stay few where many series of zips have gaps', async () => {
    const zip = makeZip([{ ...empty, name: 'conversations.json' }]);
    const archive = await opened(
      ...each(150, (number) => [{ name: `Conversations__${number}-0003.zip`, data: zip, method: 0 }]),
    );
    expect(codesOf(archive)).toEqual(Array(6).fill('SHARD_GAP'));
    expect(archive.problems[5]?.reason).toBe('Not named here: 145 more of this kind.');
  });

  it('stay few where more files are missing than a call takes arguments', async () => {
    const files = Array.from({ length: 150_000 }, (_, number) => ({ path: `conversations-${number}.json` }));
    const long = { ...manifest(), data: bytesOf({ export_files: files }) };
    const archive = await opened(shard('conversations-000.json', 'a'), long);
    expect(codesOf(archive)).toEqual(Array(6).fill('SHARD_MISSING'));
  });
});
