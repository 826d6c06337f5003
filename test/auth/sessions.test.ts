import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Transport } from '../support/client.ts';
import type { CookieBrowser } from '../support/cookie-browser.ts';
import { backends } from '../support/server.ts';
import { type SignInServer, startSignInServer } from '../support/sign-in-server.ts';
import { until } from '../support/until.ts';

const activity = 'subscription { syncActivity { id } }';
const sessionsQuery = '{ viewer { sessions { id device address createdAt lastSeenAt expiresAt current } } }';
const everywhere = 'mutation { signOutEverywhere { ... on SignedOut { sessions } } }';

interface SessionAnswer {
  id: string;
  device: string;
  address: string;
  createdAt: string;
  expiresAt: string;
  current: boolean;
}

async function sessionsOf(browser: CookieBrowser): Promise<SessionAnswer[]> {
  const { viewer } = await browser.graphql<{ viewer: { sessions: SessionAnswer[] } }>(sessionsQuery);
  return viewer.sessions;
}

describe.each(backends)('On %s', (backend) => {
  let site: SignInServer;
  beforeAll(async () => {
    site = await startSignInServer({ backend, worker: false });
  });
  afterAll(() => site.close());

  const run = (statement: string, email: string) =>
    site.server.services.database.query(
      `${statement} WHERE user_id = (SELECT id FROM users WHERE email = $1)`,
      [email],
    );

  /** A subscription that the server has open: it has told of a task that waits. */
  async function open(browser: CookieBrowser, transport: Transport) {
    const { results, closed } = browser.subscribe(transport, activity);
    await until('the waiting task is told', () => results.length > 0);
    results.length = 0;
    return { results, closed };
  }

  /** Signs in somebody who has a task that waits. */
  async function signedIn(email: string): Promise<CookieBrowser> {
    const browser = await site.signedIn(email);
    await site.server.services.database.query(
      `INSERT INTO sync_tasks (user_id, id, trigger, source)
       SELECT id, gen_random_uuid(), 'UPLOAD', 'waiting.zip' FROM users WHERE email = $1
       ON CONFLICT DO NOTHING`,
      [email],
    );
    return browser;
  }

  test('a list shows the viewer’s browsers, and nobody else’s', async () => {
    const here = await site.signedIn('list@example.org');
    const there = await site.signedIn('list@example.org');
    const stranger = await site.signedIn('stranger@example.org');
    const sessions = await sessionsOf(here);
    expect(sessions).toHaveLength(2);
    expect(sessions.filter(({ current }) => current)).toHaveLength(1);
    for (const session of sessions) {
      expect(session).toMatchObject({ device: 'Firefox on Linux', address: '127.0.0.1' });
      const hours = (Date.parse(session.expiresAt) - Date.parse(session.createdAt)) / 3_600_000;
      expect(hours).toBeCloseTo(24, 2);
    }
    await run(`UPDATE sessions SET user_agent = 'curl/8.14.1'`, 'list@example.org');
    expect((await sessionsOf(here)).map(({ device }) => device)).toEqual([
      'Unknown browser',
      'Unknown browser',
    ]);
    await run('UPDATE sessions SET user_agent = NULL', 'list@example.org');
    expect((await sessionsOf(here))[0]?.device).toBe('Unknown device');
    const mine = sessions.find(({ current }) => current)?.id;
    const end = 'mutation E($id: ID!) { endSession(id: $id) { __typename ... on SignedOut { sessions } } }';
    for (const id of [mine, 'nonsense']) {
      expect(await stranger.graphql(end, { id })).toEqual({ endSession: { __typename: 'NotFound' } });
    }
    const other = sessions.find(({ current }) => !current)?.id;
    expect(await here.graphql(end, { id: other })).toMatchObject({ endSession: { sessions: 1 } });
    expect([await here.email(), await there.email()]).toEqual(['list@example.org', null]);
  });

  test('all but one are ended by the one that stays, and nobody else’s', async () => {
    const [here, ...others] = [
      await signedIn('stays@example.org'),
      await signedIn('stays@example.org'),
      await signedIn('stays@example.org'),
    ];
    const stranger = await signedIn('bystander@example.org');
    const endOthers = 'mutation { endOtherSessions { ... on SignedOut { sessions } } }';
    for (const sessions of [2, 0])
      expect(await here.graphql(endOthers)).toEqual({ endOtherSessions: { sessions } });
    expect(await Promise.all([here, stranger, ...others].map((browser) => browser.email()))).toEqual([
      'stays@example.org',
      'bystander@example.org',
      null,
      null,
    ]);
  });

  test.each(['sse', 'websocket'] as const)(
    'signing out everywhere ends every browser and what it has open over %s',
    async (transport) => {
      const email = `everywhere-${transport}@example.org`;
      const [here, there] = [await signedIn(email), await signedIn(email)];
      const stranger = await signedIn('bystander@example.org');
      const subscriptions = [await open(here, transport), await open(there, transport)];
      const spared = await open(stranger, transport);
      expect(await here.graphql(everywhere)).toEqual({ signOutEverywhere: { sessions: 2 } });
      for (const { results, closed } of subscriptions) {
        expect(await closed).toBe(transport === 'sse' ? null : 4401);
        expect(results).toMatchObject([{ errors: [{ extensions: { code: 'NOT_SIGNED_IN' } }] }]);
      }
      expect([await here.email(), await there.email()]).toEqual([null, null]);
      expect(await stranger.email()).toBe('bystander@example.org');
      expect(spared.results).toEqual([]);
      await stranger.graphql(everywhere);
      await spared.closed;
    },
  );

  test('a subscription ends with the event of a sign-out, long before anybody looks', async () => {
    const [told, untold] = [await signedIn('told@example.org'), await signedIn('untold@example.org')];
    const found = await open(untold, 'sse');
    const announced = await open(told, 'sse');
    await run('DELETE FROM sessions', 'untold@example.org');
    expect((await told.post('/auth/logout')).status).toBe(200);
    const first = await Promise.race([
      announced.closed.then(() => 'announced'),
      found.closed.then(() => 'found by looking'),
    ]);
    expect(first).toBe('announced');
    await found.closed;
  });

  test('a session ends at its absolute end, with what it has open', async () => {
    const browser = await signedIn('absolute@example.org');
    await run(`UPDATE sessions SET expires_at = now() + interval '2 seconds'`, 'absolute@example.org');
    const { closed } = await open(browser, 'websocket');
    expect(await closed).toBe(4401);
    expect(await browser.email()).toBeNull();
  });

  test('a session ends at its idle limit, and what it has open soon after', async () => {
    const browser = await signedIn('idle@example.org');
    const { closed } = await open(browser, 'sse');
    await run(`UPDATE sessions SET last_seen_at = now() - interval '8 hours'`, 'idle@example.org');
    expect(await browser.email()).toBeNull();
    // Nothing told the server of that: it finds out by looking.
    expect(await closed).toBeNull();
  });

  test('a session that is used lives on behind its idle limit, and is noted once a minute', async () => {
    const email = 'busy@example.org';
    const browser = await site.signedIn(email);
    await run(`UPDATE sessions SET last_seen_at = now() - interval '7 hours', address = '10.0.0.1'`, email);
    const seen = async () =>
      (
        await site.server.services.database.query<{ at: Date }>(
          'SELECT last_seen_at AS at FROM sessions s JOIN users u ON u.id = s.user_id WHERE email = $1',
          [email],
        )
      )[0]?.at.getTime();
    expect(await browser.email()).toBe(email);
    const first = await seen();
    expect(Date.now() - (first ?? 0)).toBeLessThan(3_600_000);
    expect((await sessionsOf(browser))[0]?.address).toBe('127.0.0.1');
    expect(await seen()).toBe(first);
  });

  test('a worker removes sessions that are over and sign-ins that were never done', async () => {
    const alive = await site.signedIn('alive@example.org');
    await site.signedIn('over@example.org');
    await site.signedIn('unused@example.org');
    await site.browser().get('/auth/login');
    await run(`UPDATE sessions SET expires_at = now()`, 'over@example.org');
    await run(`UPDATE sessions SET last_seen_at = now() - interval '8 hours'`, 'unused@example.org');
    const { database } = site.server.services;
    await database.query('UPDATE sessions SET expires_at = now() WHERE user_id IS NULL');
    const emails = async () => {
      const rows = await database.query<{ email: string | null }>(
        `SELECT email FROM sessions s LEFT JOIN users u ON u.id = s.user_id
         WHERE user_id IS NULL OR email IN ('alive@example.org', 'over@example.org', 'unused@example.org')`,
      );
      return rows.map(({ email }) => email);
    };
    expect((await emails()).length).toBeGreaterThanOrEqual(4);
    await site.server.startWorker();
    await until('only the one in use is left', async () => (await emails()).join() === 'alive@example.org');
    expect(await alive.email()).toBe('alive@example.org');
  });
});
