import { expect, inject, onTestFinished, test } from 'vitest';
import { query } from '../support/postgres.ts';
import { startTestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { connect } from './client.ts';

test('while the database is away a tool says so, and answers again once it is back', async () => {
  const server = await startTestServer({ backend: 'postgres' });
  onTestFinished(server.close);
  const client = await connect(server.url, { 'x-api-key': server.apiKey });
  await client.call('list_recent');
  const name = new URL(server.databaseUrl).pathname.slice(1);
  const admit = (isAdmitted: boolean) =>
    query(inject('postgresUrl'), `ALTER DATABASE ${name} ALLOW_CONNECTIONS ${isAdmitted}`);
  await admit(false);
  onTestFinished(() => admit(true).then(() => undefined));
  await query(
    inject('postgresUrl'),
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
  );
  for (const tool of ['list_recent', 'search']) {
    expect(await client.failure(tool, tool === 'search' ? { query: 'word' } : {})).toMatch(
      /does not answer at present. Try again later.*request id/,
    );
  }
  await admit(true);
  await until('the tool answers', () => client.call('list_recent').catch(() => null));
});
