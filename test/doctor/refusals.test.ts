import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startBucket } from '../support/bucket.ts';
import { findFreePort } from '../support/free-port.ts';
import { query } from '../support/postgres.ts';
import { setDoctorStage } from './stage.ts';

const { dataDir, emptyDatabase, migratedDatabase, examine } = setDoctorStage();

test('a database that takes no writes, or whose user may make nothing in it, is found', async () => {
  const [readOnly, foreign] = [await migratedDatabase(), new URL(await emptyDatabase())];
  await query(
    readOnly,
    `ALTER DATABASE ${nameOf(readOnly)} SET default_transaction_read_only = on;
     CREATE ROLE guest LOGIN PASSWORD 'of-the-guest'`,
  );
  const written = await examine({ DB_URL: readOnly });
  expect(written.mends).toEqual([expect.stringMatching(/takes no writes.*primary in DB_URL/)]);
  // Enough for tables, and for no extension.
  await query(foreign.href, 'GRANT ALL ON SCHEMA public TO guest');
  Object.assign(foreign, { username: 'guest', password: 'of-the-guest' });
  const granted = await examine({ DB_URL: foreign.href });
  expect(granted.mends).toEqual([expect.stringMatching(/tables and extensions.*ALTER DATABASE/)]);
});

const nameOf = (databaseUrl: string) => new URL(databaseUrl).pathname.slice(1);

test('what a start would refuse is found, and a password that is not encoded is no fault', async () => {
  const refused = await examine({ CHATGPT_EXPORT_URL: 'http://10.0.0.1/export.zip', INGEST_ROOT: '/bin/sh' });
  expect(refused.mends).toEqual([
    expect.stringMatching(/configuration +CHATGPT_EXPORT_URL cannot be fetched: .*private address/),
    expect.stringMatching(/imports +\/bin\/sh is no folder. Correct INGEST_ROOT/),
  ]);
  const both = await examine({ CHATGPT_EXPORT_URL: 'http://10.0.0.1/export.zip', PORT: 'x' });
  expect(both.mends).toEqual([
    expect.stringContaining('PORT'),
    expect.stringContaining('CHATGPT_EXPORT_URL'),
  ]);
  const secret = '50%off-is-secret';
  const url = `postgresql://u:${secret}@127.0.0.1:${await findFreePort()}/d`;
  const { mends, lines } = await examine({ DB_URL: url });
  expect(mends).toEqual([expect.stringMatching(/PostgreSQL cannot be reached: .*ECONNREFUSED/)]);
  expect(lines.join('\n')).not.toContain(secret);
  const embeddings = { EMBEDDINGS_BASE_URL: url.replace(/.*@/, 'http://'), EMBEDDINGS_MODEL: 'meaning' };
  const embedded = await examine({ DATA_DIR: join(dataDir(), 'new'), ...embeddings });
  expect(embedded.mends).toContainEqual(expect.stringContaining('needs pgvector'));
});

test('a key that may not list what is in the bucket, as the deletion of an account does, is found', async () => {
  const bucket = await startBucket();
  onTestFinished(bucket.close);
  const refused = '<Error><Code>AccessDenied</Code><Message>No.</Message></Error>';
  const gateway = createServer((request, response) => {
    if (request.url?.includes('list-type')) {
      response.writeHead(403, { 'content-type': 'application/xml' }).end(refused);
      return;
    }
    const { method, url, headers } = request;
    const onward = send(`${bucket.env.S3_ENDPOINT}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  onTestFinished(() => void gateway.close());
  const { port } = gateway.address() as AddressInfo;
  const { mends } = await examine({
    ...bucket.env,
    S3_ENDPOINT: `http://127.0.0.1:${port}`,
    DB_URL: await migratedDatabase(),
  });
  expect(mends).toEqual([expect.stringMatching(/The bucket refuses: .*put, get, list and delete/)]);
});
