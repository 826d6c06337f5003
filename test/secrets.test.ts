import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { backends, startTestServer, type TestServer } from './support/server.ts';
import { startMutation, startSync, sync, untilOver } from './support/syncs.ts';
import { until } from './support/until.ts';

const secret = 'sig-5f1c0b7e9a';

describe.each(backends)('On %s an export URL is kept secret:', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  async function expectNoTrace(): Promise<void> {
    const places = { log: server.logged(), tables: await dumpTables(server.databaseUrl) };
    expect(places.tables).toContain(server.exports.host);
    for (const [place, text] of Object.entries({ ...places, redis: await dumpRedis(server.redisUrl) })) {
      expect(text.includes(secret), `${place} holds the secret`).toBe(false);
      expect(text.includes(Buffer.from(secret).toString('hex')), `${place} holds its bytes`).toBe(false);
      expect(text.includes(Buffer.from(secret).toString('base64')), `${place} holds it encoded`).toBe(false);
    }
  }

  test('no table, job or log line shows it while it is fetched or afterwards', async () => {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('secret')]), {
      held: true,
      query: `?signature=${secret}`,
    });
    const { id, source } = await startSync(client, file.url);
    expect(source).toBe(`${server.exports.host} export.zip`);
    await until('it downloads', () => isDownloading(server));
    await expectNoTrace();
    file.release();
    expect(await untilOver(client, id)).toMatchObject({ status: 'COMPLETED' });
    await expectNoTrace();
  });

  test('no failure shows it, whatever the reason', async () => {
    const { client } = await server.asUser();
    const page = server.exports.serve('<html>gone</html>', { type: 'text/html', query: `?s=${secret}` });
    const urls = [`http://${server.exports.host}/none.zip?s=${secret}`, page.url];
    for (const url of urls) {
      const task = await sync(client, url);
      expect(task.status).toBe('FAILED');
      expect(JSON.stringify(task)).not.toContain(secret);
    }
    await expectNoTrace();
  });

  test('no refusal shows it', async () => {
    const { client } = await server.asUser();
    for (const exportUrl of [
      `http://10.0.0.1/x.zip?s=${secret}`,
      `ftp://example.com/${secret}`,
      `::${secret}`,
    ]) {
      const graphql = await client.ask(startMutation, { exportUrl });
      const rest = await client.rest('POST', '/sync/manual', { export_url: exportUrl });
      expect(rest.status).toBe(422);
      expect(JSON.stringify(graphql) + rest.text).not.toContain(secret);
    }
    await expectNoTrace();
  });

  test('a configured one is used and never given back', async () => {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('kept')]), { query: `?s=${secret}` });
    const answers = [
      await client.rest('POST', '/sync/config', { sync_enabled: true, chatgpt_export_url: file.url }),
      await client.rest('GET', '/sync/config'),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    expect(answers.map((answer) => answer.text).join('')).not.toContain(secret);
    await expectNoTrace();
    const { startSync: task } = await client.request<{ startSync: { id: string } }>(startMutation, {
      exportUrl: null,
    });
    expect(await untilOver(client, task.id)).toMatchObject({ status: 'COMPLETED' });
    await expectNoTrace();
  });
});

async function isDownloading({ services }: TestServer): Promise<boolean> {
  return (await services.prisma.syncTask.count({ where: { phase: 'DOWNLOADING' } })) > 0;
}

/** Every row of every table, the queue's own included. */
async function dumpTables(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const dumps: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      dumps.push(name, ...rows.map(({ row }) => row));
    }
    return dumps.join('\n');
  } finally {
    await client.end();
  }
}

/** Every key with its value, whatever its type. */
async function dumpRedis(url: string | null): Promise<string> {
  if (!url) return '';
  const redis = new Redis(url);
  const readers: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, '0', '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  };
  try {
    const dumps: string[] = [];
    for (const key of await redis.keys('*')) {
      const type = await redis.type(key);
      // It may have gone meanwhile, as jobs do.
      if (type === 'none') continue;
      const read = readers[type];
      if (!read) throw new Error(`No way to read a ${type} of Redis`);
      dumps.push(key, JSON.stringify(await read(key)));
    }
    return dumps.join('\n');
  } finally {
    redis.disconnect();
  }
}
