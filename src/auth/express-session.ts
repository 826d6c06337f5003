import { randomBytes } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import session from 'express-session';
import type { Services } from '../domain/services.ts';
import { destroySession, loadSession, type SignIn, saveSession } from '../domain/session.ts';
import type { SessionCookie } from './session-cookie.ts';

declare module 'express-session' {
  interface SessionData {
    /** Who signs in by this request; never what the store hands out, for the session may have been ended since. */
    signIn?: SignIn;
  }
}

const SECRET_BYTES = 32;

/**
 * express-session over the table `sessions`, for the sign-in alone: everything else looks the cookie up by itself. The
 * session id is the cookie's secret.
 */
export function createSessionMiddleware(services: Services, cookie: SessionCookie): RequestHandler {
  return session({
    name: cookie.name,
    secret: cookie.signingSecret,
    genid: () => randomBytes(SECRET_BYTES).toString('base64url'),
    store: createStore(services, cookie),
    resave: false,
    saveUninitialized: false,
    cookie: cookieOptions(cookie),
  });
}

const cookieOptions = ({ secure, lifetimeMs }: SessionCookie) =>
  ({ path: '/', httpOnly: true, sameSite: 'lax', secure, maxAge: lifetimeMs }) as const;

function createStore(services: Services, cookie: SessionCookie): session.Store {
  // The library's base class brings `regenerate`, and calls these three.
  class Store extends session.Store {
    override get(id: string, done: (error: unknown, data?: session.SessionData | null) => void): void {
      loadSession(services, id).then((stored) => {
        if (!stored) return done(null, null);
        const fresh = new session.Cookie();
        Object.assign(fresh, cookieOptions(cookie), { originalMaxAge: cookie.lifetimeMs });
        done(null, { ...stored, cookie: fresh });
      }, done);
    }

    override set(id: string, content: session.SessionData, done: (error?: unknown) => void): void {
      const { cookie: _cookie, signIn = null, ...data } = content;
      saveSession(services, id, { signIn, data }).then(() => done(), done);
    }

    override destroy(id: string, done: (error?: unknown) => void): void {
      destroySession(services, id).then(() => done(), done);
    }
  }
  return new Store();
}

/** Signs a browser in under a new secret; its old one, whoever knows it, is worth nothing from then on. */
export async function startSession(request: Request, signIn: SignIn): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    request.session.regenerate((error: unknown) => (error ? reject(error) : resolve()));
  });
  request.session.signIn = signIn;
  await new Promise<void>((resolve, reject) => {
    request.session.save((error: unknown) => (error ? reject(error) : resolve()));
  });
}
