import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

test('The table of fault cases names the files in which tests of each case stand', async () => {
  const table = new Map<string, string[]>();
  for (const line of (await readFile('docs/faults.md', 'utf8')).split('\n')) {
    const [, id, , , files = ''] = line.split('|').map((cell) => cell.trim());
    if (id?.startsWith('C') && id !== 'Case') table.set(id, files.replaceAll('`', '').split(', '));
  }
  expect([...table.keys()]).toEqual(Array.from({ length: 15 }, (_, index) => `C${index + 1}`));

  const found = new Map([...table.keys()].map((id) => [id, [] as string[]]));
  for (const file of (await readdir(import.meta.dirname)).sort()) {
    const source = await readFile(`${import.meta.dirname}/${file}`, 'utf8');
    const titles = Array.from(source.matchAll(/'((?:C\d+, )*C\d+): /g), ([, ids = '']) => ids.split(', '));
    for (const id of new Set(titles.flat())) found.get(id)?.push(file);
  }
  expect(Object.fromEntries(table)).toEqual(Object.fromEntries(found));
});
