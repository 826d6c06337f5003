import { type CookieBrowser, createCookieBrowser } from './cookie-browser.ts';
import { findFreePort } from './free-port.ts';
import { type OpenIdProvider, startOpenIdProvider } from './openid-provider.ts';
import { startTestServer, type TestServer, type TestServerOptions } from './server.ts';

export interface SignInServer {
  server: TestServer;
  provider: OpenIdProvider;
  browser(): CookieBrowser;
  /** A browser in which this person has signed in. */
  signedIn(email: string): Promise<CookieBrowser>;
  close(): Promise<void>;
}

/** A server that knows an OpenID provider on loopback in Google's place. */
export async function startSignInServer(options: Partial<TestServerOptions> = {}): Promise<SignInServer> {
  const provider = await startOpenIdProvider();
  const port = await findFreePort();
  const server = await startTestServer({
    backend: 'postgres',
    ...options,
    env: { PORT: String(port), ...provider.env(`http://127.0.0.1:${port}`), ...options.env },
  });
  return {
    server,
    provider,
    browser: () => createCookieBrowser(server.url),
    async signedIn(email) {
      provider.account = { sub: `sub-of-${email}`, email, email_verified: true, name: email.split('@')[0] };
      const browser = createCookieBrowser(server.url);
      const page = await browser.signIn();
      if (page.status !== 302) throw new Error(`${page.status}: ${page.text}`);
      return browser;
    },
    async close() {
      await server.close();
      await provider.close();
    },
  };
}
