import type { IncomingMessage } from 'node:http';
import { OAuth2Server } from 'oauth2-mock-server';

/** What the provider says of whoever signs in next. */
export interface Account {
  sub: string;
  email?: string;
  email_verified?: boolean | string;
  name?: string;
  picture?: string;
}

export interface OpenIdProvider {
  url: string;
  account: Account;
  /** Sends the browser back with this in place of a code. */
  refusal: string | null;
  /** Each request for userinfo: its path and query, and its Authorization header. */
  asked: { url: string; authorization: string | undefined }[];
  /** What points a server at this provider; with the address of the server as browsers see it. */
  env(serverUrl: string): Record<string, string>;
  close(): Promise<void>;
}

/** A real OpenID provider on loopback that asks no questions: it checks PKCE and takes each code once. */
export async function startOpenIdProvider(): Promise<OpenIdProvider> {
  const server = new OAuth2Server();
  await server.issuer.keys.generate('RS256');
  await server.start(0, '127.0.0.1');
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider: OpenIdProvider = {
    url,
    account: { sub: 'nobody' },
    refusal: null,
    asked: [],
    env: (serverUrl) => ({
      GOOGLE_CLIENT_ID: 'sidecar-test',
      GOOGLE_CLIENT_SECRET: 'the-client-secret',
      REDIRECT_URI: `${serverUrl}/auth/callback`,
      GOOGLE_AUTHORIZATION_URL: `${url}/authorize`,
      GOOGLE_TOKEN_URL: `${url}/token`,
      GOOGLE_USERINFO_URL: `${url}/userinfo`,
    }),
    close: () => server.stop(),
  };
  server.service.on('beforeUserinfo', (response: { body: unknown }, request: IncomingMessage) => {
    provider.asked.push({ url: request.url ?? '', authorization: request.headers.authorization });
    response.body = { ...provider.account };
  });
  server.service.on('beforeAuthorizeRedirect', ({ url: target }: { url: URL }) => {
    if (provider.refusal === null) return;
    target.searchParams.delete('code');
    target.searchParams.set('error', provider.refusal);
    target.searchParams.set('error_description', '<script>alert(1)</script>');
  });
  return provider;
}
