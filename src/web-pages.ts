import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RequestHandler } from 'express';
import expressStaticGzip from 'express-static-gzip';
import { WEB_DIRECTORY } from './web-build.ts';

/** Addresses of the app: each is the same HTML, in which the page finds its way by itself. */
const APP_PATHS = /^\/(?:(?:import|conversations|search|chat|insights|account)(?:\/[\w-]+)?)?\/?$/;

/** Everything else that is built. All other paths are the API's, however they are written. */
const FILES = /^\/(?:assets-web\/[\w.-]+|[\w-]+\.(?:js|svg))$/;

/** Files whose names change with what is in them. */
const HASHED = /[\\/]assets-web[\\/]/;

/**
 * Serves the built pages: compressed as the visitor likes it, files with a hash in their name for ever. A program that asks
 * one of their addresses for something else than a page goes on to the API. Null when nothing was built.
 */
export function servePages(directory = WEB_DIRECTORY): RequestHandler | null {
  if (!existsSync(join(directory, 'index.html'))) return null;
  const serve = expressStaticGzip(directory, {
    enableBrotli: true,
    orderPreference: ['br'],
    index: false,
    serveStatic: {
      redirect: false,
      cacheControl: false,
      setHeaders(response, path) {
        const lifetime = HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
        response.setHeader('Cache-Control', lifetime);
        // What differs by who asks must not be told apart by a cache.
        response.setHeader('Vary', 'Accept, Accept-Encoding');
      },
    },
  });
  return (request, response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return next();
    const { url } = request;
    if (APP_PATHS.test(request.path)) {
      // The API has nothing at the root: who takes anything, as curl does, gets the page there.
      const kinds = request.path === '/' ? ['html', 'json'] : ['json', 'html'];
      if (request.accepts(kinds) !== 'html') return next();
      request.url = '/index.html';
    } else if (!FILES.test(request.path)) return next();
    serve(request, response, (error?: unknown) => {
      request.url = url;
      // A file that a new build has removed: what is answered in its place is not compressed.
      for (const header of ['Content-Encoding', 'Content-Type']) response.removeHeader(header);
      next(error);
    });
  };
}

/** For an address that is nobody's: the app, which says so to a person. Programs go on to the API's own answer. */
export function serveUnknown(directory = WEB_DIRECTORY): RequestHandler {
  return async (request, response, next) => {
    if (request.method !== 'GET' || request.accepts(['json', 'html']) !== 'html') return next();
    const html = await readFile(join(directory, 'index.html'), 'utf8').catch(() => null);
    if (html === null) return next();
    response.status(404).type('html').set({ 'Cache-Control': 'no-store', Vary: 'Accept' }).send(html);
  };
}
