import type { Dispatcher } from 'undici';
import type { FileVersion } from '../../domain/services.ts';

/** RFC 9110, 8.8.3; a weak one, which names content that is alike and not bytes that are equal, has `W/` before it. */
const strongTag = /^"[\x21\x23-\x7e\x80-\xff]*"$/;

export function versionOf(response: Dispatcher.ResponseData): FileVersion {
  return { etag: header(response, 'etag'), lastModified: header(response, 'last-modified') };
}

/**
 * Headers with which the rest of the very file is asked for that this answer begins: RFC 9110, 13.1.1 and 13.1.5. Null
 * when nothing names its bytes. Beside a weak ETag the date is used as well, and who does so compares both.
 */
export function sameVersionHeaders(response: Dispatcher.ResponseData): Record<string, string> | null {
  const { etag, lastModified } = versionOf(response);
  if (isStrong(etag)) return { 'if-match': etag };
  // Told in seconds: a file may change once more within the second in which it was sent. RFC 9110, 8.8.2.2.
  // Without a clock of its own a server sends no date: then the time of receipt counts. RFC 9110, 6.6.1.
  const sentMs = Date.parse(header(response, 'date') ?? '');
  const ageMs = (Number.isNaN(sentMs) ? Date.now() : sentMs) - Date.parse(lastModified ?? '');
  return lastModified !== null && ageMs >= 1000 ? { 'if-range': lastModified } : null;
}

/** Headers that ask for a file unless it is the known version: RFC 9110, 13.1.2 and 13.1.3. */
export function otherVersionHeaders({ etag, lastModified }: FileVersion): Record<string, string> {
  return {
    ...(etag !== null && strongTag.test(etag.replace(/^W\//, '')) ? { 'if-none-match': etag } : {}),
    ...(lastModified ? { 'if-modified-since': lastModified } : {}),
  };
}

/** Whether a server that was asked with sameVersionHeaders answers of the same version, by its own word. */
export function isSameVersion(before: FileVersion, now: FileVersion): boolean {
  return before.etag === now.etag && (isStrong(before.etag) || before.lastModified === now.lastModified);
}

function isStrong(etag: string | null): etag is string {
  return etag !== null && strongTag.test(etag);
}

export function header(response: Dispatcher.ResponseData, name: string): string | null {
  const value = response.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
