import type { Request, RequestHandler } from 'express';
import type { SessionCookie } from '../auth/session-cookie.ts';
import { NotAllowedError } from '../domain/errors.ts';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses what a page of another site makes a browser send with its cookie (cross-site request forgery), and a sign-in
 * that such a page brings about. Goes by Sec-Fetch-Site and, for browsers without it, by Origin; a program that sends
 * neither is no browser, and a request with an API key brings nothing that a foreign page could borrow. Pages of
 * `corsOrigins` count as own ones.
 */
export function refuseForeignPages(cookie: SessionCookie, corsOrigins: string[]): RequestHandler {
  return (request, _response, next) => {
    if (SAFE_METHODS.includes(request.method) || request.headers['x-api-key']) return next();
    if (!cookie.isIn(request.headers.cookie) && !isSignIn(request)) return next();
    const { origin } = request.headers;
    const isListed = origin !== undefined && corsOrigins.includes(origin);
    if (!isListed && isForeign(request))
      throw new NotAllowedError('This was asked for by a page of another site.');
    next();
  };
}

/** Express knows no case of letters in a path. */
const isSignIn = ({ path }: Request) => path.toLowerCase().startsWith('/auth/');

/** Whether a page of another site made a browser send this. */
export function isForeign(request: Request): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site) return site !== 'same-origin' && site !== 'none';
  return origin !== undefined && URL.parse(origin)?.host !== request.host;
}
