import type { RequestHandler } from 'express';
import helmet from 'helmet';
import type { Config } from './config.ts';

const YEAR_SECONDS = 31_536_000;

/** Pages of this server live on their own files alone. */
const own = {
  defaultSrc: ["'self'"],
  baseUri: ["'none'"],
  objectSrc: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
  imgSrc: ["'self'", 'data:', 'blob:'],
};

/** What every answer carries; attachments set a stricter policy of their own. */
export function securityHeaders(environment: Config['environment']): RequestHandler {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: own },
    strictTransportSecurity: environment === 'production' && { maxAge: YEAR_SECONDS },
    // A form of our own would otherwise come with the origin `null`.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  });
}

/** Bull Board styles its elements in place; the fonts that it would fetch from elsewhere it does without. */
export function forQueueBoard(): RequestHandler {
  return helmet.contentSecurityPolicy({
    useDefaults: false,
    directives: { ...own, baseUri: ["'self'"], styleSrc: ["'self'", "'unsafe-inline'"] },
  });
}

/** GraphiQL is one page with its program inside; it loads nothing, and asks nobody but this server. */
export function forGraphiQL(): RequestHandler {
  return helmet.contentSecurityPolicy({
    useDefaults: false,
    directives: {
      ...own,
      scriptSrc: ["'self'", "'unsafe-inline'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      fontSrc: ["'self'", 'data:'],
      workerSrc: ["'self'", 'blob:'],
    },
  });
}
