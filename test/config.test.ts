import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadConfig, secretsOf, variableNames } from '../src/config.ts';
import { problemsOf, redisConfigOf } from './support/config.ts';

describe('Without any variable', () => {
  test('everything is embedded, on loopback, with sensible limits', () => {
    expect(loadConfig({})).toMatchObject({
      environment: 'development',
      http: {
        host: '127.0.0.1',
        port: 8088,
        trustProxy: false,
        corsOrigins: [],
        requestTimeoutMs: 30_000,
      },
      limits: { rateFactor: 1, maxSubscriptions: 100 },
      dataDir: './data',
      databaseUrl: null,
      directUrl: null,
      replicaUrls: [],
      redis: null,
      apiKey: null,
      sync: {
        allowedHosts: [],
        maxArchiveBytes: 20 * 1024 ** 3,
        maxExpandedBytes: 200 * 1024 ** 3,
        initial: { enabled: false, exportUrl: null, frequencyHours: 24 },
      },
      worker: { concurrency: 2 },
      logLevel: 'info',
    });
  });

  test('an empty value is the same as none', () => {
    expect(loadConfig(Object.fromEntries(variableNames.map((name) => [name, ''])))).toEqual(loadConfig({}));
  });
});

describe('A wrong environment', () => {
  test('is refused with all of its problems at once, each naming its variable', () => {
    const problems = problemsOf({
      PORT: '99999',
      ENVIRONMENT: 'staging',
      DB_URL: 'mysql://localhost/x',
      REDIS_URL: 'localhost:6379',
      CHATGPT_SYNC_ENABLED: 'perhaps',
      CHATGPT_EXPORT_URL: 'ftp://example.com/x',
      CHATGPT_SYNC_INTERVAL_HOURS: '0',
      MAX_ARCHIVE_BYTES: '-1',
      MAX_EXPANDED_BYTES: '1e9',
      LOG_LEVEL: 'loud',
      WORKER_CONCURRENCY: 'two',
      TRUST_PROXY: ',',
    });
    expect(problems.map((problem) => problem.split(' ')[0]).toSorted()).toEqual([
      'CHATGPT_EXPORT_URL',
      'CHATGPT_SYNC_ENABLED',
      'CHATGPT_SYNC_INTERVAL_HOURS',
      'DB_URL',
      'ENVIRONMENT',
      'LOG_LEVEL',
      'MAX_ARCHIVE_BYTES',
      'MAX_EXPANDED_BYTES',
      'PORT',
      'REDIS_URL',
      'TRUST_PROXY',
      'WORKER_CONCURRENCY',
    ]);
    expect(() => loadConfig({ PORT: 'x', LOG_LEVEL: 'x' })).toThrow(/PORT .*\n.*LOG_LEVEL /);
  });

  test('is described without its values, which may be secrets', () => {
    const secret = 'pa55word';
    const problems = problemsOf({
      ENVIRONMENT: 'production',
      API_KEY: secret,
      DB_URL: `mysql://user:${secret}@host/x`,
      REDIS_URL: `http://:${secret}@host`,
      CHATGPT_EXPORT_URL: `ftp://host/x?sig=${secret}`,
    });
    expect(problems).toHaveLength(4);
    expect(problems.join()).not.toContain(secret);
  });

  test('holds no password in the export URL either', () => {
    const problems = problemsOf({ CHATGPT_EXPORT_URL: 'http://u:p@h/x', PORT: 'x' });
    expect(problems.map((problem) => problem.split(' ')[0]).toSorted()).toEqual([
      'CHATGPT_EXPORT_URL',
      'PORT',
    ]);
    expect(problemsOf({ CHATGPT_EXPORT_URL: 'https://h.example/x?by=u@h' })).toEqual([]);
  });

  test.each([
    ['Redis without a database of its own', { REDIS_URL: 'redis://host' }, /^DB_URL is required/],
    [
      'replicas of nothing',
      { DB_REPLICA_URLS: 'postgresql://host/x' },
      /^DB_URL is required when DB_REPLICA_URLS/,
    ],
    ['a schedule without a URL', { CHATGPT_SYNC_ENABLED: 'true' }, /^CHATGPT_EXPORT_URL is required/],
    [
      'a schedule, said otherwise, without a URL',
      { CHATGPT_SYNC_ENABLED: 'yes' },
      /^CHATGPT_EXPORT_URL is required/,
    ],
    ['half a bucket', { S3_BUCKET: 'files' }, /S3_ACCESS_KEY_ID/],
  ])('is noticed when parts contradict each other: %s', (_name, env, expected) => {
    expect(problemsOf(env)).toEqual([expect.stringMatching(expected)]);
  });

  test.each([
    ['without a key', {}, /^API_KEY is required/],
    ['with the example’s key', { API_KEY: 'change-me' }, /^API_KEY must be changed/],
    ['with a short key', { API_KEY: 'x'.repeat(23) }, /^API_KEY must have at least 24/],
  ])('is refused in production %s', (_name, env, expected) => {
    expect(problemsOf({ ENVIRONMENT: 'production', ...env })).toEqual([expect.stringMatching(expected)]);
    expect(problemsOf(env)).toEqual([]);
  });
});

test.each([
  ['a key that no header can carry', { API_KEY: 'schlüssel-schlüssel-schlüssel' }],
  ['a key that was read with its line end', { API_KEY: `${'x'.repeat(24)}\n` }],
  ['a key of spaces', { API_KEY: ' '.repeat(24) }],
  ['a password of Redis with a stray %', { DB_URL: 'postgres://h/d', REDIS_URL: 'redis://:p%zz@h' }],
  [
    'a password behind Sentinels with one',
    { DB_URL: 'postgres://h/d', REDIS_URL: 'redis+sentinel://:p%@h/n' },
  ],
  ['a database with one', { DB_URL: 'postgres://u:p@h/d%' }],
  ['replicas with one', { DB_URL: 'postgres://h/d', DB_REPLICA_URLS: 'postgres://h/d,postgres://h/%zz' }],
])('What could only fail later is refused at the start: %s', (_name, env) => {
  const problems = problemsOf(env);
  expect(problems).toHaveLength(1);
  expect(Object.keys(env)).toContain(problems[0]?.split(' ')[0]);
});

test('A password with a % that encodes nothing is a secret as it stands', () => {
  expect(secretsOf(loadConfig({ DB_URL: 'postgres://u:50%off@h/d' }))).toContain('50%off');
});

test('Proxies to trust are told as a flag, a number or addresses', () => {
  const trustOf = (value: string) => loadConfig({ TRUST_PROXY: value }).http.trustProxy;
  expect(['true', 'false', '2', '10.0.0.0/8, loopback'].map(trustOf)).toEqual([
    true,
    false,
    2,
    ['10.0.0.0/8', 'loopback'],
  ]);
});

test('A proxy that would believe every client is refused in production', () => {
  const production = { ENVIRONMENT: 'production', API_KEY: 'x'.repeat(24) };
  expect(problemsOf({ ...production, TRUST_PROXY: 'true' })).toEqual([
    expect.stringMatching(/^TRUST_PROXY must name/),
  ]);
  expect(problemsOf({ ...production, TRUST_PROXY: '1' })).toEqual([]);
  expect(problemsOf({ TRUST_PROXY: 'my-proxy' })).toEqual([expect.stringMatching(/^TRUST_PROXY must be/)]);
});

test('Origins of other pages are whole origins, and the limits are numbers', () => {
  const { http, limits } = loadConfig({
    CORS_ORIGINS: 'https://app.example.com, http://localhost:3000',
    RATE_LIMIT_FACTOR: '0.5',
    MAX_SUBSCRIPTIONS: '7',
    REQUEST_TIMEOUT_SECONDS: '5',
  });
  expect(http).toMatchObject({
    corsOrigins: ['https://app.example.com', 'http://localhost:3000'],
    requestTimeoutMs: 5_000,
  });
  expect(limits).toEqual({ rateFactor: 0.5, maxSubscriptions: 7 });
  for (const origins of [
    '*',
    'app.example.com',
    'https://app.example.com/',
    'https://a.example/path',
    'null',
  ]) {
    expect(problemsOf({ CORS_ORIGINS: origins }), origins).toHaveLength(1);
  }
  for (const factor of ['-1', 'x', '1e3'])
    expect(problemsOf({ RATE_LIMIT_FACTOR: factor }), factor).toHaveLength(1);
});

describe('Redis', () => {
  test.each([
    ['redis://:p@host:1/2', { kind: 'server', url: 'redis://:p@host:1/2' }],
    [
      'redis+sentinel://a,b:2,[::1]:3/main',
      {
        kind: 'sentinel',
        sentinels: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 2 },
          { host: '::1', port: 3 },
        ],
        primary: 'main',
        db: 0,
        tls: false,
      },
    ],
    [
      'rediss+sentinel://u:p%40ss@a/main/7?sentinelUsername=s&sentinelPassword=t%2Fu',
      {
        kind: 'sentinel',
        sentinels: [{ host: 'a', port: 26_379 }],
        primary: 'main',
        db: 7,
        tls: true,
        username: 'u',
        password: 'p@ss',
        sentinelUsername: 's',
        sentinelPassword: 't/u',
      },
    ],
    [
      'rediss+cluster://:p@a, b:7000',
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 6_379 },
          { host: 'b', port: 7_000 },
        ],
        tls: true,
        password: 'p',
      },
    ],
  ])('is reached by %s', (url, expected) => {
    expect(redisConfigOf(url)).toEqual(expected);
  });

  test.each([
    'redis+sentinel://a,b',
    'redis+sentinel://a/main/x',
    'redis+sentinel://a/main?password=p',
    'redis+cluster://a:x',
    'redis+cluster://a,,b',
    'redis+cluster://a/1',
    'redis+cluster://:%ff@a',
  ])('is not reached by %s', (url) => {
    expect(problemsOf({ DB_URL: 'postgresql://host/x', REDIS_URL: url })).toEqual([
      expect.stringMatching(/^REDIS_URL must be/),
    ]);
  });

  test('has no password that is not known as a secret', () => {
    const config = loadConfig({
      DB_URL: 'postgresql://host/x',
      REDIS_URL: 'redis+sentinel://:p%40ss@a/main?sentinelPassword=other',
    });
    expect(secretsOf(config)).toEqual(expect.arrayContaining(['p@ss', 'p%40ss', 'other']));
  });
});

test('Private hosts are a list', () => {
  const { sync } = loadConfig({ EXPORT_ALLOWED_HOSTS: ' nas.lan:8080, ,10.0.0.7 ' });
  expect(sync.allowedHosts).toEqual(['nas.lan:8080', '10.0.0.7']);
  for (const hosts of ['a:99999', '[::zz]', 'https://a']) {
    expect(problemsOf({ EXPORT_ALLOWED_HOSTS: hosts })).toEqual([
      expect.stringMatching(/^EXPORT_ALLOWED_HOSTS /),
    ]);
  }
});

describe('.env.example', () => {
  test('names every variable that is read, in the same order, and says what each is for', async () => {
    const text = await readFile('.env.example', 'utf8');
    expect(Object.keys(parseEnv(text)).toSorted()).toEqual(variableNames.toSorted());
    const described = [...text.matchAll(/^# .*\n([A-Z0-9_]+)=/gm)].map(([, name]) => name);
    expect(described).toEqual(variableNames);
  });

  test('is told of in the README’s table, variable by variable', async () => {
    const [, section = ''] = (await readFile('README.md', 'utf8')).split('\n## Configuration\n');
    const rows = section.split('\n## ')[0]?.matchAll(/^\| (`[^|]*?) *\|/gm) ?? [];
    const named = [...rows].flatMap(([, names = '']) => names.replaceAll('`', '').split(', '));
    expect(named.toSorted()).toEqual(variableNames.toSorted());
  });

  test('holds the defaults', async () => {
    const example = parseEnv(await readFile('.env.example', 'utf8'));
    expect(loadConfig(example)).toEqual(loadConfig({}));
  });
});
