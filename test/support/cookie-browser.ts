import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Transport } from './client.ts';

export interface Page {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

/** What a browser does with cookies, without a browser: plain HTTP that can be bent for attacks. Follows no redirect. */
export interface CookieBrowser {
  /** By name; what the server sets and removes, and what a test slips in. */
  cookies: Map<string, string>;
  get(url: string, headers?: Record<string, string>): Promise<Page>;
  post(path: string, body?: object, headers?: Record<string, string>): Promise<Page>;
  /** From /auth/login over the provider and back; answers what the callback answers. */
  signIn(loginPath?: string): Promise<Page>;
  /** The address at which the provider sends the browser back, not yet opened. */
  beginSignIn(loginPath?: string): Promise<string>;
  /** Null when nobody is signed in. */
  email(): Promise<string | null>;
  graphql<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** Every result of a subscription, errors included; ends with it. */
  subscribe(transport: Transport, query: string): { results: unknown[]; closed: Promise<unknown> };
}

export function createCookieBrowser(
  serverUrl: string,
  forwarded: Record<string, string> = {},
): CookieBrowser {
  const cookies = new Map<string, string>();
  const cookieHeader = () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');

  async function send(url: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Page> {
    const target = new URL(url, serverUrl);
    const isOurs = target.origin === new URL(serverUrl).origin;
    const own = isOurs ? { ...forwarded, ...(cookies.size > 0 && { cookie: cookieHeader() }) } : {};
    const response = await fetch(target, {
      redirect: 'manual',
      ...init,
      headers: {
        ...own,
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        ...init.headers,
      },
    });
    for (const line of isOurs ? response.headers.getSetCookie() : []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : {};
    return { status: response.status, headers: response.headers, text, json };
  }

  const browser: CookieBrowser = {
    cookies,
    get: (url, headers = {}) => send(url, { headers }),
    post: (path, body, headers = {}) =>
      send(path, {
        method: 'POST',
        headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
        body: body && JSON.stringify(body),
      }),
    async beginSignIn(loginPath = '/auth/login') {
      const toProvider = await browser.get(loginPath);
      if (toProvider.status !== 302) throw new Error(`${toProvider.status}: ${toProvider.text}`);
      const back = await browser.get(toProvider.headers.get('location') ?? '');
      return back.headers.get('location') ?? '';
    },
    signIn: async (loginPath) => browser.get(await browser.beginSignIn(loginPath)),
    async email() {
      const { json } = await browser.get('/auth/user');
      return json.authenticated ? (json.user as { email: string | null }).email : null;
    },
    async graphql<Data>(query: string, variables: Record<string, unknown> = {}) {
      const { text, json } = await browser.post(
        '/graphql',
        { query, variables },
        { 'x-graphql-yoga-csrf': 'test' },
      );
      if (!json.data || json.errors) throw new Error(text);
      return json.data as Data;
    },
    subscribe(transport, query) {
      const results: unknown[] = [];
      const headers = { cookie: cookieHeader(), 'x-graphql-yoga-csrf': 'test' };
      const { promise: closed, resolve } = Promise.withResolvers<unknown>();
      const sink = {
        next: (result: unknown) => results.push(result),
        error: resolve,
        complete: () => resolve(null),
      };
      if (transport === 'sse') {
        createSseClient({ url: `${serverUrl}/graphql`, headers, retryAttempts: 0 }).subscribe(
          { query },
          sink,
        );
      } else {
        class CookieSocket extends WebSocket {
          constructor(address: string, protocols: string[]) {
            super(address, protocols, { headers: { cookie: headers.cookie } });
          }
        }
        const client = createSocketClient({
          url: `${serverUrl.replace('http', 'ws')}/graphql`,
          webSocketImpl: CookieSocket,
          retryAttempts: 0,
        });
        client.on('closed', (event) => resolve((event as { code: number }).code));
        client.subscribe({ query }, { ...sink, error: () => undefined, complete: () => undefined });
      }
      return { results, closed };
    },
  };
  return browser;
}
