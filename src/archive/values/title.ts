import type { ArchiveMessage } from '../types.ts';
import { cleanText } from './text.ts';

const MAX_TITLE_LENGTH = 1000;
const MAX_DERIVED_LENGTH = 80;

/** The export's title, else the start of the first thing the user said, else `Untitled`. */
export function titleOf(title: unknown, messages: readonly ArchiveMessage[]): string {
  const given = typeof title === 'string' ? cut(cleanText(title).trim(), MAX_TITLE_LENGTH) : '';
  if (given !== '') return given;
  const first = messages.find(
    (message) => message.role === 'user' && message.kind === 'VISIBLE' && message.text !== '',
  );
  if (first === undefined) return 'Untitled';
  const line = first.text
    .slice(0, 10 * MAX_DERIVED_LENGTH)
    .replace(/\s+/g, ' ')
    .trim();
  return (
    (line.length > MAX_DERIVED_LENGTH ? `${cut(line, MAX_DERIVED_LENGTH - 1)}…` : line.toWellFormed()) ||
    'Untitled'
  );
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  // A pair that the cut would halve goes as a whole.
  const end = /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return text.slice(0, end).trimEnd();
}
