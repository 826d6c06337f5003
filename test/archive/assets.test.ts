import { describe, expect, it, onTestFinished } from 'vitest';
import type { AssetIndex } from '../../src/archive/assets.ts';
import { openExport } from '../../src/archive/export.ts';
import { bytesOf, dialogue, limits, makeZip, temporaryFile, type ZipPart } from './builders.ts';

async function indexOf(...parts: ZipPart[]): Promise<AssetIndex> {
  const path = await temporaryFile(
    makeZip([{ name: 'conversations.json', data: bytesOf([dialogue('a')]) }, ...parts]),
  );
  const archive = await openExport(path, { limits, tempPath: `${path}.inner` });
  onTestFinished(() => archive.close());
  return archive.assets;
}

describe('a file of an export', () => {
  it.each([
    ['file-AbC123-my cat - final #1.png', 'file-AbC123', 'my cat - final #1.png'],
    ['file-AbC123.png', 'file-AbC123', null],
    ['dalle-generations/file-AbC-0f0f.webp', 'file-AbC', '0f0f.webp'],
    ['user-x/file_0123abcd-1111.png', 'file_0123abcd', '1111.png'],
    ['d9/audio/file_0123-77.wav', 'file_0123', '77.wav'],
    ['file_0123-sanitized.jpg', 'file_0123', 'sanitized.jpg'],
    ['wrapped/file_0123.dat', 'file_0123', null],
    ['user-x/ab/mnt/data/report.csv', 'report.csv', 'report.csv'],
    ['user-x/ab/mnt/data/conversations.json', 'conversations.json', 'conversations.json'],
    ['img_0a-cat - final.png', 'img_0a', 'cat - final.png'],
    ['x/libfile_9-1.2.png', 'libfile_9', '1.2.png'],
    ['aud_1.tar.gz', 'aud_1', 'aud_1.tar.gz'],
    ['file-AbC-data.json', 'file-AbC', 'data.json'],
  ])('%s is found by its id', async (name, id, expected) => {
    const assets = await indexOf({ name, data: 'x' });
    const asset = assets.resolve(id);
    expect(asset).toMatchObject({ name: expected });
    expect(asset?.entry.entry.name).toBe(name);
  });

  it('is looked for as .dat first, then at the root, then in the folders', async () => {
    const names = ['user-x/file-A-1.png', 'dalle-generations/file-A-2.png', 'file-A-3.png', 'file-A.dat'];
    for (let count = names.length; count > 0; count -= 1) {
      const assets = await indexOf(...names.slice(0, count).map((name) => ({ name })));
      expect(assets.resolve('file-A')?.entry.entry.name).toBe(names[count - 1]);
    }
  });

  it('of a voice turn is taken from the folder of its conversation', async () => {
    const assets = await indexOf({ name: 'one/audio/file_1-a.wav' }, { name: 'two/audio/file_1-b.wav' });
    expect(assets.resolve('file_1', 'two')?.entry.entry.name).toBe('two/audio/file_1-b.wav');
  });

  it('is never one of the files of JSON beside the conversations', async () => {
    const assets = await indexOf({ name: 'users.json', data: '[]' }, { name: 'x/users.json', data: '[]' });
    expect(assets.resolve('users.json')?.entry.entry.name).toBe('x/users.json');
  });

  it('that is not there is null', async () => {
    const assets = await indexOf({ name: 'file-abc-x.png' });
    expect(assets.resolve('file-ab')).toBeNull();
    expect(assets.resolve('__proto__')).toBeNull();
  });

  it('gets its name from the map of the export, else from the library', async () => {
    const library = [
      { file_id: 'file_1', file_name: 'library.pdf' },
      { file_id: 'file_2', file_name: 'second.pdf' },
    ];
    for (const [order, copy] of [
      [0, ''],
      [1, ''],
      [0, ' (1)'],
    ] as const) {
      const sides = [
        { name: `library_files${copy}.json`, data: bytesOf(library) },
        {
          name: `conversation_asset_file_names${copy}.json`,
          data: bytesOf({ 'file_1.dat': 'dalle-generations/map.png' }),
        },
      ];
      const assets = await indexOf(
        { name: 'file_1.dat' },
        { name: 'file_2.dat' },
        ...(order === 0 ? sides : sides.toReversed()),
      );
      expect(assets.resolve('file_1')?.name).toBe('map.png');
      expect(assets.resolve('file_2')?.name).toBe('second.pdf');
    }
  });

  it('has the type of its name, else of its first bytes', async () => {
    const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
    const assets = await indexOf(
      { name: 'file-a-page.html', data: 'x' },
      { name: 'file-b.dat', data: png, method: 0 },
      { name: 'file-c.dat', data: 'what' },
    );
    const typeOf = async (id: string): Promise<string | null> => {
      const asset = assets.resolve(id);
      return asset === null ? null : assets.mimeType(asset, null);
    };
    expect(await typeOf('file-a')).toBe('text/html');
    expect(await typeOf('file-b')).toBe('image/png');
    expect(await typeOf('file-c')).toBe('application/octet-stream');
  });

  it('has the type of the name by which a message knows it before that of any other', async () => {
    const names = { 'file-a.dat': 'a.txt', 'file-b.dat': 'b.txt' };
    const assets = await indexOf(
      { name: 'file-a.dat', data: 'what' },
      { name: 'file-b.dat', data: 'what' },
      { name: 'conversation_asset_file_names.json', data: bytesOf(names) },
    );
    const typeOf = async (id: string, calledName: string | null): Promise<string | null> => {
      const asset = assets.resolve(id);
      return asset === null ? null : assets.mimeType(asset, calledName);
    };
    expect(await typeOf('file-a', 'data.csv')).toBe('text/csv');
    expect(await typeOf('file-b', 'data')).toBe('text/plain');
  });

  it('can be read', async () => {
    const assets = await indexOf({ name: 'file-a.dat', data: 'bytes', method: 0 });
    const asset = assets.resolve('file-a');
    if (asset === null) throw new Error('The asset is missing.');
    const chunks: Buffer[] = [];
    for await (const chunk of assets.read(asset.entry)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('bytes');
  });
});
