import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startTestServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const FRIEND = 'https://app.example.com';
const STRANGER = 'https://evil.example.net';

let closed: TestServer;
let open: TestServer;
let cookie: string;
beforeAll(async () => {
  closed = await startTestServer({ backend: 'postgres', worker: false });
  open = await startTestServer({
    backend: 'postgres',
    worker: false,
    env: { CORS_ORIGINS: `${FRIEND}, https://b.example` },
  });
  cookie = await signIn(open);
});
afterAll(() => Promise.all([closed.close(), open.close()]));

/** The cookie of a browser that signed in with the owner's key. */
async function signIn(server: TestServer): Promise<string> {
  const response = await fetch(`${server.url}/auth/key`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ api_key: server.apiKey }),
  });
  expect(response.status).toBe(200);
  return response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
}

/** What a browser asks before it sends a request with headers of its own to another origin. */
const preflight = (server: TestServer, path: string, method: string, headers: string, origin: string) =>
  fetch(`${server.url}${path}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': headers,
    },
  });

describe('A page of another origin', () => {
  const calls = [
    ['/graphql', 'POST', 'content-type,x-graphql-yoga-csrf'],
    ['/sync/config', 'POST', 'content-type,x-api-key'],
    ['/assets/x', 'GET', 'x-api-key,range,if-range,if-none-match'],
    ['/sync/upload/resumable', 'POST', 'tus-resumable,upload-length,upload-metadata'],
    ['/sync/upload/resumable/x', 'PATCH', 'tus-resumable,upload-offset,content-type'],
  ] as const;

  test.each(calls)(
    'is let to %s by %s when its origin is listed, and by no other way',
    async (path, method, headers) => {
      const allowed = await preflight(open, path, method, headers, FRIEND);
      expect(allowed.headers.get('access-control-allow-origin')).toBe(FRIEND);
      expect(allowed.headers.get('access-control-allow-credentials')).toBe('true');
      expect(allowed.headers.get('access-control-allow-methods')).toContain(method);
      const offered = allowed.headers.get('access-control-allow-headers')?.toLowerCase().split(',') ?? [];
      for (const header of headers.split(',')) expect(offered).toContain(header);

      for (const [server, origin] of [
        [open, STRANGER],
        [open, 'null'],
        [closed, FRIEND],
      ] as const) {
        const refused = await preflight(server, path, method, headers, origin);
        expect(refused.headers.get('access-control-allow-origin'), origin).toBeNull();
      }
    },
  );

  test('is told from a program that asks which uploads the server takes', async () => {
    const abilities = await fetch(`${open.url}/sync/upload/resumable`, {
      method: 'OPTIONS',
      headers: { 'x-api-key': open.apiKey },
    });
    expect(abilities.headers.get('tus-version')).toBe('1.0.0');
  });

  test('reads answers, errors and streams when it is listed', async () => {
    const headers = {
      origin: FRIEND,
      cookie,
      'x-graphql-yoga-csrf': '1',
      'content-type': 'application/json',
    };
    const body = JSON.stringify({ query: '{ viewer { displayName } }' });
    const answer = await fetch(`${open.url}/graphql`, { method: 'POST', headers, body });
    expect(await answer.json()).toEqual({ data: { viewer: { displayName: 'Owner' } } });
    const missing = await fetch(`${open.url}/nowhere`, { headers: { origin: FRIEND } });
    const stream = await fetch(`${open.url}/graphql`, {
      method: 'POST',
      headers: { ...headers, accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription { syncActivity { id } }' }),
    });
    const rest = await fetch(`${open.url}/sync/config`, {
      method: 'POST',
      headers: { ...headers, 'sec-fetch-site': 'cross-site' },
      body: '{"sync_enabled":false}',
    });
    expect([answer, missing, stream, rest].map(({ status }) => status)).toEqual([200, 404, 200, 200]);
    for (const { headers: sent } of [answer, missing, stream, rest]) {
      expect(sent.get('access-control-allow-origin')).toBe(FRIEND);
      expect(sent.get('vary')).toContain('Origin');
      expect(sent.get('access-control-expose-headers')).toContain('X-Request-Id');
      expect(sent.get('access-control-expose-headers')).toContain('ETag');
    }
    await stream.body?.cancel();
  });
});

describe('A form or link of another site', () => {
  const mutation = 'mutation { configureSync(input: { enabled: false, frequencyHours: 5 }) { __typename } }';
  const changed = async () => {
    const { syncConfig } = await open.client.request<{ syncConfig: { frequencyHours: number } }>(
      '{ syncConfig { frequencyHours } }',
    );
    return syncConfig.frequencyHours === 5;
  };
  const forms = [
    ['application/x-www-form-urlencoded', `query=${encodeURIComponent(mutation)}`],
    [
      'multipart/form-data; boundary=x',
      `--x\r\ncontent-disposition: form-data; name="query"\r\n\r\n${mutation}\r\n--x--`,
    ],
    ['text/plain', JSON.stringify({ query: mutation })],
    ['application/json', JSON.stringify({ query: mutation })],
  ] as const;

  test.each(forms)('changes nothing with the browser’s cookie and a body of %s', async (type, body) => {
    for (const origin of [STRANGER, 'null']) {
      const response = await fetch(`${open.url}/graphql`, {
        method: 'POST',
        headers: { cookie, origin, 'content-type': type, 'sec-fetch-site': 'cross-site' },
        body,
      });
      expect(response.status, origin).toBe(403);
    }
    // An old browser says nothing about the page, but no page of another site makes it send JSON without asking first.
    if (type !== 'application/json') {
      const silent = await fetch(`${open.url}/graphql`, {
        method: 'POST',
        headers: { cookie, 'content-type': type },
        body,
      });
      expect([403, 415]).toContain(silent.status);
    }
    expect(await changed()).toBe(false);
  });

  test('changes nothing by a GET, whatever header it sends', async () => {
    const url = `${open.url}/graphql?query=${encodeURIComponent(mutation)}`;
    expect((await fetch(url, { headers: { cookie } })).status).toBe(403);
    const withHeader = await fetch(url, { headers: { cookie, 'x-graphql-yoga-csrf': '1' } });
    expect(withHeader.status).toBe(405);
    expect(await changed()).toBe(false);
  });

  test('changes nothing over REST', async () => {
    const response = await fetch(`${open.url}/sync/config`, {
      method: 'POST',
      headers: { cookie, origin: STRANGER, 'content-type': 'application/json' },
      body: '{"sync_enabled":false,"sync_frequency_hours":5}',
    });
    expect(response.status).toBe(403);
    expect(await changed()).toBe(false);
  });
});

describe('A WebSocket', () => {
  /** How it is answered when it says who it is: `connection_ack`, or the code with which it is closed. */
  async function connect(headers: Record<string, string>, payload: object = {}): Promise<string | number> {
    const socket = new WebSocket(`${open.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers,
    });
    const outcome: (string | number)[] = [];
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })));
    socket.on('message', (data) => outcome.push(JSON.parse(String(data)).type));
    socket.on('close', (code) => outcome.push(code));
    const first = await until('it is answered', () => outcome[0]);
    socket.close();
    return first;
  }

  test('of another site cannot use the browser’s cookie', async () => {
    for (const origin of [STRANGER, 'null', `${open.url}.evil.example`]) {
      expect(await connect({ cookie, origin }), origin).toBe(4403);
    }
  });

  test('of this site or of one that is listed can', async () => {
    for (const origin of [open.url, FRIEND]) {
      expect(await connect({ cookie, origin }), origin).toBe('connection_ack');
    }
  });

  test('of a program needs no origin, and with a key none that is known', async () => {
    expect(await connect({ 'x-api-key': open.apiKey })).toBe('connection_ack');
    expect(await connect({ cookie, origin: STRANGER }, { 'X-API-Key': open.apiKey })).toBe('connection_ack');
  });

  test('behind a proxy is of this site by the name that the proxy was asked for, when the proxy is trusted', async () => {
    const headers = { cookie, origin: 'https://sidecar.example', 'x-forwarded-host': 'sidecar.example' };
    expect(await connect(headers)).toBe(4403);
    const behind = await startTestServer({
      backend: 'postgres',
      worker: false,
      env: { TRUST_PROXY: 'loopback' },
    });
    const socket = new WebSocket(`${behind.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { ...headers, cookie: await signIn(behind) },
    });
    const received: unknown[] = [];
    socket.on('open', () => socket.send('{"type":"connection_init"}'));
    socket.on('message', (data) => received.push(JSON.parse(String(data))));
    await until('it is let in', () => received.length > 0);
    expect(received).toEqual([{ type: 'connection_ack' }]);
    socket.close();
    await behind.close();
  });

  test('closes on a message that is too large', async () => {
    const socket = new WebSocket(`${open.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const codes: number[] = [];
    socket.on('close', (code) => codes.push(code));
    socket.on('open', () =>
      socket.send(JSON.stringify({ type: 'connection_init', payload: { x: 'x'.repeat(70_000) } })),
    );
    await until('it is closed', () => codes.length > 0);
    expect(codes).toEqual([1009]);
  });

  test('carries 100 operations at a time and no more', async () => {
    const socket = new WebSocket(`${open.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const received: { type: string; id?: string }[] = [];
    socket.on('message', (data) => received.push(JSON.parse(String(data))));
    await until('it is open', () => socket.readyState === WebSocket.OPEN);
    socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-API-Key': open.apiKey } }));
    await until('it is let in', () => received.length > 0);
    for (let index = 0; index < 101; index += 1) {
      const payload = { query: 'subscription { syncActivity { id } }' };
      socket.send(JSON.stringify({ type: 'subscribe', id: `s${index}`, payload }));
    }
    await until('the last one is refused', () =>
      received.some(({ type, id }) => type === 'error' && id === 's100'),
    );
    expect(received.filter(({ type }) => type === 'error')).toHaveLength(1);
    socket.close();
  });
});
