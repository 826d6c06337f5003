import { createHash } from 'node:crypto';

const MAX_ID_LENGTH = 255;
const MAX_LABEL_LENGTH = 255;
const MAX_NAME_LENGTH = 1000;
const STAND_IN = /^sha256-[0-9a-f]{64}$/;

/** Without NUL, which PostgreSQL cannot store, and without halves of surrogate pairs, which UTF-8 cannot. */
export function cleanText(text: string): string {
  if (isClean(text)) return text;
  return text.replaceAll('\0', '').toWellFormed();
}

export function isClean(text: string): boolean {
  // Ids and labels are too short for the two searches to pay.
  for (let at = 0; text.length <= 64; at += 1) {
    if (at === text.length) return true;
    const unit = text.charCodeAt(at);
    if (unit === 0 || (unit >= 0xd800 && unit <= 0xdfff)) break;
  }
  return !text.includes('\0') && text.isWellFormed();
}

/**
 * An id that can be a key in PostgreSQL: itself, or a hash when it is empty, which is the title's in the search index, too
 * long for an index or not clean, so that two different ids never become one.
 */
export function safeId(id: string): string {
  // An id that looks like a stand-in gets one, too, or it could be made to equal another's.
  if (id !== '' && id.length <= MAX_ID_LENGTH && isClean(id) && !STAND_IN.test(id)) return id;
  return `sha256-${createHash('sha256').update(id, 'utf16le').digest('hex')}`;
}

/** Stands in for an id that an export does not have: the same for the same facts, and like no id that it has. */
export function standInId(facts: unknown): string {
  return `sha256-${createHash('sha256').update(JSON.stringify(facts)).digest('hex')}`;
}

/** A short word such as a role or a model, or null when there is none. */
export function asLabel(value: unknown): string | null {
  return shortened(value, MAX_LABEL_LENGTH);
}

/** What somebody called a file, or null. */
export function asName(value: unknown): string | null {
  return shortened(value, MAX_NAME_LENGTH);
}

function shortened(value: unknown, maxLength: number): string | null {
  if (typeof value !== 'string' || value === '') return null;
  if (value.length <= maxLength && isClean(value)) return value;
  return cleanText(value).slice(0, maxLength).toWellFormed() || null;
}
