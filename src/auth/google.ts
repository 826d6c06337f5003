import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { Request, RequestHandler, Response } from 'express';
import passport from 'passport';
import { Strategy, type StrategyOptions } from 'passport-google-oauth20';
import { safeReturnTo } from './return-to.ts';

/** A token or userinfo endpoint that takes longer has failed. */
const PROVIDER_PATIENCE_MS = 10_000;

export interface GoogleSettings {
  clientId: string;
  clientSecret: string;
  /** Where Google sends the browser back to: /auth/callback of this server. */
  redirectUri: string;
  authorizationUrl: string;
  tokenUrl: string;
  /** Ends in /userinfo, as OpenID Connect has it. */
  userinfoUrl: string;
  /** Addresses or domains; null lets everybody in whom Google vouches for. */
  allowedEmails: string[] | null;
}

/** Why a callback signs nobody in; the message is for the person. */
export class SignInFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SignInFailure';
  }
}

export interface VouchedFor {
  /** What the userinfo endpoint said. */
  userinfo: unknown;
  purpose: SignInPurpose;
}

/** Why a browser goes to Google; kept in its session until it comes back. */
export interface SignInPurpose {
  /** A path of this server. */
  returnTo: string;
  /** To make the Google account the owner's, who is signed in with the key. */
  link: boolean;
}

/** The library's strategy, with the access token in a header instead of a URL, on connections that can be cut off. */
class GoogleStrategy extends Strategy {
  constructor(options: StrategyOptions, agent: HttpAgent) {
    super(options, (_accessToken, _refreshToken, profile, done) => done(null, { userinfo: profile._json }));
    this._oauth2.useAuthorizationHeaderforGET(true);
    this._oauth2.setAgent(agent);
    const oauth2 = this._oauth2 as unknown as { _request: Ask };
    const ask = oauth2._request.bind(oauth2);
    oauth2._request = (method, url, headers, body, token, done) =>
      ask(method, url, headers, body, token, (error, data, response) =>
        isOtherJson(data) ? done({ statusCode: 502, data: 'no object' }) : done(error, data, response),
      );
  }
}

type Answered = (error: unknown, data?: unknown, response?: unknown) => void;
type Ask = (
  method: string,
  url: string,
  headers: unknown,
  body: unknown,
  token: unknown,
  done: Answered,
) => void;

/** What the library would take for an object; the error of that is nobody's, and would end the process. */
function isOtherJson(data: unknown): boolean {
  try {
    const value: unknown = JSON.parse(String(data));
    return typeof value !== 'object' || value === null;
  } catch {
    return false;
  }
}

function createStrategy(settings: GoogleSettings, agent: HttpAgent): GoogleStrategy {
  return new GoogleStrategy(
    {
      clientID: settings.clientId,
      clientSecret: settings.clientSecret,
      callbackURL: settings.redirectUri,
      authorizationURL: settings.authorizationUrl,
      tokenURL: settings.tokenUrl,
      userProfileURL: settings.userinfoUrl,
      // Both in the session: without a state anybody's callback would sign in, without PKCE a stolen code.
      state: true,
      pkce: true,
      scope: ['openid', 'email', 'profile'],
    },
    agent,
  );
}

const createAgent = (url: string) => (url.startsWith('https:') ? new HttpsAgent() : new HttpAgent());

/** Sends the browser to Google, with state and PKCE kept in its session beside the purpose. */
export function redirectToGoogle(settings: GoogleSettings, purpose: SignInPurpose): RequestHandler {
  const strategy = createStrategy(settings, createAgent(settings.tokenUrl));
  // An object is not sent to Google: the library keeps it under the random state that it makes.
  const state = purpose as unknown as string;
  return passport.authenticate(strategy, { session: false, state });
}

/**
 * Whom Google vouches for, by the callback that the browser brings. State and code count once and in the browser that
 * they were made for. Throws a SignInFailure.
 */
export async function readCallback(
  settings: GoogleSettings,
  request: Request,
  response: Response,
): Promise<VouchedFor> {
  const { code, state, error } = request.query;
  if (error !== undefined) {
    throw new SignInFailure(
      error === 'access_denied' ? 'The sign-in was cancelled.' : 'Google refused the sign-in.',
    );
  }
  // Without a code the library would begin another sign-in.
  if (typeof code !== 'string' || typeof state !== 'string') {
    throw new SignInFailure('The address of this page is not complete.');
  }
  const agent = createAgent(settings.tokenUrl);
  const patience = new AbortController();
  try {
    return await Promise.race([
      exchange(createStrategy(settings, agent), request, response),
      delay(PROVIDER_PATIENCE_MS, null, { signal: patience.signal }).then(() => {
        throw new SignInFailure('Google did not answer in time.');
      }),
    ]);
  } finally {
    patience.abort();
    agent.destroy();
  }
}

function exchange(strategy: GoogleStrategy, request: Request, response: Response): Promise<VouchedFor> {
  return new Promise((resolve, reject) => {
    const done: passport.AuthenticateCallback = (error, user, info) => {
      if (error) return reject(new SignInFailure('Google could not confirm the sign-in.', { cause: error }));
      if (!user) {
        return reject(new SignInFailure('This sign-in was begun in another browser, or it is over already.'));
      }
      const { state } = info as { state?: Partial<SignInPurpose> };
      const purpose = { returnTo: safeReturnTo(state?.returnTo), link: state?.link === true };
      resolve({ userinfo: (user as { userinfo: unknown }).userinfo, purpose });
    };
    passport.authenticate(strategy, { session: false }, done)(request, response, reject);
  });
}
