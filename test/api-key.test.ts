import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authenticateOwner } from '../src/auth/api-key.ts';
import { nowhere } from '../src/domain/viewer.ts';
import { readApiKey, readOrMakeApiKey } from '../src/infra/api-key.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sidecar-key-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('A key is made once and found again', async () => {
  expect(await readApiKey(directory)).toBeNull();
  const first = await readOrMakeApiKey(directory);
  expect(first).toMatchObject({ made: true, apiKey: expect.stringMatching(/^sidecar_[\w-]{43}$/) });
  expect(await readOrMakeApiKey(directory)).toEqual({ made: false, apiKey: first.apiKey });
  expect(await readdir(directory)).toEqual(['api-key']);
});

test('Callers at the same time agree on one key', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => readOrMakeApiKey(directory)));
  expect(new Set(keys.map(({ apiKey }) => apiKey)).size).toBe(1);
});

test('What a crash left of a key file is no key', async () => {
  await writeFile(join(directory, 'api-key'), '\n');
  const { apiKey, made } = await readOrMakeApiKey(directory);
  expect(made).toBe(true);
  expect(await readFile(join(directory, 'api-key'), 'utf8')).toBe(`${apiKey}\n`);
});

test('Nobody gets in without a key or with a wrong one, and an empty key is refused', async () => {
  const owner = { userId: 'somebody', scopes: new Set(['read'] as const), credential: null, origin: nowhere };
  const shown = (apiKey: string | undefined) => ({ apiKey, cookie: undefined, origin: nowhere });
  const authenticate = authenticateOwner('a-key-of-more-than-24-characters', owner);
  expect(await authenticate(shown('a-key-of-more-than-24-characters'))).toEqual({
    ...owner,
    credential: { kind: 'owner-key' },
  });
  for (const key of [undefined, '', 'a-key', 'a-key-of-more-than-24-characters ']) {
    expect(await authenticate(shown(key))).toBeNull();
  }
  expect(() => authenticateOwner('', owner)).toThrow('empty');
});
