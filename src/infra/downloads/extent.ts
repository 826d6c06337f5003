import type { Dispatcher } from 'undici';
import { header } from './version.ts';

/** Which bytes of a file an answer brings, by its own word: `end` is the first that it does not bring. */
export interface Extent {
  start: number;
  /** Null where nobody says. */
  end: number | null;
  /** Of the whole file; null where nobody says. */
  total: number | null;
}

/** Null for a 206 that is not one range of a file: RFC 9110, 14.4 and 15.3.7. */
export function extentOf(response: Dispatcher.ResponseData): Extent | null {
  if (response.statusCode !== 206) {
    const length = numberOf(header(response, 'content-length') ?? undefined);
    return { start: 0, end: length, total: length };
  }
  const range = /^bytes (\d+)-(\d+)\/(?:(\d+)|\*)$/i.exec(header(response, 'content-range') ?? '');
  const [start, last, total] = [numberOf(range?.[1]), numberOf(range?.[2]), numberOf(range?.[3])];
  if (start === null || last === null || last < start || last >= (total ?? Infinity)) return null;
  return { start, end: last + 1, total };
}

/** How long a file is by a 416, which a request behind its end gets: RFC 9110, 15.5.17. Null when it does not say. */
export function lengthOfUnsatisfied(response: Dispatcher.ResponseData): number | null {
  return numberOf(/^bytes \*\/(\d+)$/i.exec(header(response, 'content-range') ?? '')?.[1]);
}

const numberOf = (digits: string | undefined) => (digits === undefined ? null : Number(digits));
