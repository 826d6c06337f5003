import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestHandler } from 'express';
import sirv from 'sirv';
import { WEB_DIRECTORY } from './web-build.ts';

/** Addresses of the app: each is the same HTML, in which the page finds its way by itself. */
const APP_PATHS = /^\/(?:(?:import|conversations|search|chat|insights|account)(?:\/[\w-]+)?)?\/?$/;

/** Files whose names change with what is in them. */
const HASHED = /^\/assets-web\//;

/**
 * Serves the built pages: compressed as the visitor likes it, files with a hash in their name for ever. A program that asks
 * one of their addresses for something else than a page goes on to the API. Null when nothing was built.
 */
export function servePages(): RequestHandler | null {
  if (!existsSync(join(WEB_DIRECTORY, 'index.html'))) return null;
  const serve = sirv(WEB_DIRECTORY, {
    brotli: true,
    gzip: true,
    etag: true,
    setHeaders(response, path) {
      const lifetime = HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
      response.setHeader('Cache-Control', lifetime);
      // What differs by who asks must not be told apart by a cache.
      response.setHeader('Vary', 'Accept, Accept-Encoding');
    },
  });
  return (request, response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return next();
    if (APP_PATHS.test(request.path)) {
      if (request.accepts(['json', 'html']) !== 'html') return next();
      request.url = '/';
    }
    serve(request, response, next);
  };
}
