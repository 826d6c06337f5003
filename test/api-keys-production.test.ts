import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runScript } from './support/programs.ts';

const google = { GOOGLE_CLIENT_ID: 'client', GOOGLE_CLIENT_SECRET: 'a-secret-of-google' };
const goodKey = 'a-key-of-more-than-24-characters';

const refused: [what: string, env: Record<string, string>, named: RegExp][] = [
  ['without a key', {}, /API_KEY is required/],
  ['with an empty key', { API_KEY: '' }, /API_KEY is required/],
  ['with the key of the examples', { API_KEY: 'change-me' }, /API_KEY must be changed/],
  [
    'with the key of the examples made longer',
    { API_KEY: 'sidecar-CHANGE-ME-sidecar-key' },
    /API_KEY must be changed/,
  ],
  ['with a key that can be guessed', { API_KEY: 'x7Kq-93bVw0pLmT2sZ4e-Ra' }, /API_KEY must have at least 24/],
  [
    'with sign-in over plain HTTP',
    { ...google, API_KEY: goodKey, REDIRECT_URI: 'http://sidecar.example.com/auth/callback' },
    /REDIRECT_URI must begin with https/,
  ],
];

test.each(['start', 'worker'])(
  'in production npm run %s refuses what would be unsafe, and names the variable',
  async (script) => {
    const folder = await mkdtemp(join(tmpdir(), 'sidecar-production-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const [what, env, named] of refused) {
      const program = await runScript(script, [], {
        ENVIRONMENT: 'production',
        DB_URL: 'postgresql://nobody@127.0.0.1:9/none',
        DATA_DIR: join(folder, 'data'),
        PORT: '0',
        ...env,
      });
      expect(await program.exited, what).toBe(1);
      expect(program.stderr(), what).toMatch(named);
      for (const [name, value] of Object.entries(env)) {
        if (name !== 'REDIRECT_URI' && value !== '')
          expect(program.stderr() + program.stdout()).not.toContain(value);
      }
    }
    // Not even begun: nothing was made.
    expect(await readdir(folder)).toEqual([]);
  },
  120_000,
);
