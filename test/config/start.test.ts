import { expect, test } from 'vitest';
import { ConfigError, loadConfig, loadStartConfig } from '../../src/config.ts';
import { problemsOfStart } from '../../src/infra/start-problems.ts';
import { openServices } from '../../src/services.ts';
import { quietLogger } from '../support/postgres.ts';

test('What the environment names and the machine has not stops a start before anything is opened, all at once', async () => {
  const config = loadConfig({
    // Where nothing can be made, which a recursive mkdir of Node never learns.
    DATA_DIR: '/proc/sidecar/data',
    INGEST_ROOT: '/nonexistent',
    CHATGPT_EXPORT_URL: 'http://192.168.1.7/export.zip?sig=pa55word',
  });
  const start = openServices(config, quietLogger);
  const { problems } = (await start.catch((error: ConfigError) => error)) as ConfigError;
  expect(problems).toEqual([
    'DATA_DIR must be a folder that can be made and written (ENOENT)',
    'INGEST_ROOT must be a folder that can be read (ENOENT)',
    expect.stringMatching(/^CHATGPT_EXPORT_URL cannot be fetched: .*private address.*EXPORT_ALLOWED_HOSTS/),
  ]);
  expect(problems.join()).not.toContain('pa55word');
  const file = import.meta.filename;
  const inTheWay = openServices({ ...config, dataDir: file, ingestRoot: file }, quietLogger);
  await expect(inTheWay).rejects.toThrow(/DATA_DIR .*\(ENOTDIR\)\n.*INGEST_ROOT .*\(ENOTDIR\)/);
});

test('What is wrong with values and what the machine has not is told at once', async () => {
  const given = {
    PORT: 'x',
    DATA_DIR: '/proc/sidecar/data',
    INGEST_ROOT: '/nonexistent',
    CHATGPT_EXPORT_URL: 'http://192.168.1.7/export.zip',
  };
  const problemsOfBoth = async (env: Record<string, string>) => {
    const refused = await loadStartConfig(env, problemsOfStart).catch((error: ConfigError) => error);
    if (!(refused instanceof ConfigError)) throw new Error('It was not refused.');
    return refused.problems.map((problem) => problem.split(' ')[0]);
  };
  expect(await problemsOfBoth(given)).toEqual(['PORT', 'INGEST_ROOT', 'CHATGPT_EXPORT_URL']);
  // What is wrong in itself is not looked at, nor what hangs on it.
  expect(await problemsOfBoth({ ...given, CHATGPT_EXPORT_URL: 'ftp://x' })).toEqual([
    'PORT',
    'CHATGPT_EXPORT_URL',
    'INGEST_ROOT',
  ]);
  expect(await problemsOfBoth({ ...given, EXPORT_ALLOWED_HOSTS: '::' })).toEqual([
    'PORT',
    'EXPORT_ALLOWED_HOSTS',
    'INGEST_ROOT',
  ]);
  expect((await loadStartConfig({ PORT: '1234' }, problemsOfStart)).http.port).toBe(1234);
});
