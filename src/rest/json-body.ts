import type { Request } from 'express';
import { InvalidInputError } from '../domain/errors.ts';
import { unsupportedBody } from './errors.ts';

/** The fields of a body; none without a body. What is sent in another form must not pass for an empty body. */
export function bodyOf({ body, headers }: Request): Record<string, unknown> {
  if (body === undefined) {
    const isSent = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if (isSent) throw unsupportedBody();
    return {};
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw new InvalidInputError([
    { path: ['body'], message: 'The body must be a JSON object.', type: 'invalid_type' },
  ]);
}
