import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { credentialsOf } from '../auth/credentials.ts';
import { createSessionMiddleware, startSession } from '../auth/express-session.ts';
import { type GoogleSettings, readCallback, redirectToGoogle, SignInFailure } from '../auth/google.ts';
import { safeReturnTo } from '../auth/return-to.ts';
import type { SessionCookie } from '../auth/session-cookie.ts';
import { DomainError, NotAllowedError, NotSignedInError } from '../domain/errors.ts';
import type { Services } from '../domain/services.ts';
import { signOut } from '../domain/session.ts';
import { linkGoogle, requireLinking, signInWithGoogle } from '../domain/sign-in.ts';
import { getViewerUser } from '../domain/user.ts';
import type { Authenticate, Origin, Viewer } from '../domain/viewer.ts';
import * as descriptions from './auth-descriptions.ts';
import { sendPage } from './auth-page.ts';
import { bodyOf } from './json-body.ts';
import type { Route } from './router.ts';
import { isForeign } from './same-origin.ts';

export interface AuthOptions {
  authenticate: Authenticate;
  cookie: SessionCookie;
  /** Null: only the key signs in. */
  google: GoogleSettings | null;
}

const NOT_CONFIGURED =
  'Google sign-in is not configured here: set GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and REDIRECT_URI, or sign in with an API key at POST /auth/key.';
const NEEDS_HTTPS =
  'Sign-in needs https, and this request came without it. If a proxy ends TLS before this server, set TRUST_PROXY.';

/** Signing in and out. Only these paths know express-session; everything else looks the cookie up. */
export function createAuthRouter(services: Services, { authenticate, cookie, google }: AuthOptions): Router {
  const router = express.Router();
  const withSession = createSessionMiddleware(services, cookie);
  const viewerOf = (request: Request) => authenticate(credentialsOf(request, request.ip));

  router.use('/auth', (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  // A secure cookie would silently not be set.
  const needHttps = (request: Request, _response: Response, next: () => void) => {
    if (cookie.secure && !request.secure) {
      throw Object.assign(new Error(NEEDS_HTTPS), { status: 400, expose: true });
    }
    next();
  };

  router.get(['/auth/login', '/auth/callback'], (request, response, next) => {
    if (google) return next();
    const page = { title: 'No sign-in with Google', message: NOT_CONFIGURED, again: null };
    refuse(request, response, 501, page);
  });
  if (google) {
    const goHome: RequestHandler = (request, response, next) => {
      const home = underOwnName(request, google.redirectUri);
      if (home) response.redirect(302, home);
      else next();
    };
    router.get('/auth/login', needHttps, goHome, withSession, async (request, response, next) => {
      const purpose = purposeOf(request);
      if (purpose.link) {
        await requireLinking(services, await viewerOf(request));
        if (isForeign(request)) throw new NotAllowedError('Open this address from a page of this server.');
      }
      redirectToGoogle(google, purpose)(request, response, next);
    });
    router.get('/auth/callback', needHttps, withSession, async (request, response) => {
      try {
        const { userinfo, purpose } = await readCallback(google, request, response);
        const userId = purpose.link
          ? await linkGoogle(services, await viewerOf(request), userinfo)
          : await signInWithGoogle(services, userinfo, google.allowedEmails);
        await startSession(request, { userId, apiKeyId: null, origin: originOf(request) });
        response.redirect(302, purpose.returnTo);
      } catch (error) {
        if (!(error instanceof SignInFailure) && !(error instanceof DomainError)) throw error;
        // The message alone: what the library attaches may hold what the provider answered.
        const cause = error.cause instanceof Error ? error.cause.message : undefined;
        services.logger.info({ reason: error.message, cause }, 'a sign-in failed');
        const page = { title: 'The sign-in failed', message: error.message, again: '/auth/login' };
        refuse(request, response, 400, page);
      }
    });
  }

  router.post(
    '/auth/key',
    needHttps,
    express.json({ limit: '4kb' }),
    withSession,
    async (request, response) => {
      const { api_key: apiKey } = bodyOf(request);
      const viewer = await authenticate({
        apiKey: typeof apiKey === 'string' ? apiKey : undefined,
        cookie: undefined,
        origin: originOf(request),
      });
      if (!viewer) throw new NotSignedInError();
      const { userId, credential } = viewer;
      const apiKeyId = credential?.kind === 'api-key' ? credential.id : null;
      await startSession(request, { userId, apiKeyId, origin: originOf(request) });
      response.json(await describeViewer(services, viewer));
    },
  );

  router.post('/auth/logout', async (request, response) => {
    const viewer = await viewerOf(request);
    // A cookie that counts no more is taken away all the same.
    if (!viewer && !cookie.isIn(request.headers.cookie)) throw new NotSignedInError();
    if (viewer) await signOut(services, viewer);
    response.set('Set-Cookie', cookie.removal());
    response.json({ message: viewer ? 'You are signed out.' : 'You were not signed in.' });
  });

  return router;
}

const purposeOf = ({ query }: Request) => ({
  returnTo: safeReturnTo(query.returnTo),
  link: query.link === 'true',
});

/**
 * The sign-in's address under the name to which Google sends the browser back, such as localhost for 127.0.0.1: a cookie
 * that is set here would not be there. Null where this is that name; and where the browser was sent on before, for a proxy
 * may hide the name. Who links an account is signed in under this one.
 */
function underOwnName(request: Request, redirectUri: string): string | null {
  const { host, origin } = new URL(redirectUri);
  const { returnTo, link } = purposeOf(request);
  if (request.host === host || request.query.moved !== undefined || link) return null;
  return `${origin}/auth/login?${new URLSearchParams({ returnTo, moved: 'true' })}`;
}

/** Tells a person by a page, and a program as every other route does. */
function refuse(
  request: Request,
  response: Response,
  status: number,
  page: Parameters<typeof sendPage>[2],
): void {
  if (request.accepts(['json', 'html']) === 'html') sendPage(response, status, page);
  else response.status(status).json({ detail: page.message });
}

const originOf = (request: Request): Origin => credentialsOf(request, request.ip).origin;

async function describeViewer(services: Services, viewer: Viewer | null) {
  const user = await getViewerUser(services, viewer);
  if (!user) return { authenticated: false };
  return {
    authenticated: true,
    user: {
      email: user.email,
      display_name: user.displayName,
      picture: user.pictureUrl,
      verified_email: user.emailVerified,
    },
  };
}

export const authRoutes: Route[] = [
  {
    method: 'get',
    path: '/auth/user',
    about: descriptions.user,
    async handle(services, { viewer }) {
      return { body: await describeViewer(services, viewer), headers: { 'Cache-Control': 'no-store' } };
    },
  },
];
