import { composePaired, placeInPieces } from './characters.ts';
import type { Matcher } from './matcher.ts';
import { scanTokens } from './tokens.ts';

/** A stretch of text that matches, and by what. */
interface Match {
  start: number;
  end: number;
  key: string;
}

const FIRST_CHARACTERS = 220;
const SECOND_CHARACTERS = 110;
/** Looks for a first match no further than this: some tens of milliseconds. */
const MAX_LOOKED_THROUGH = 2_000_000;
/** The longer what is looked for literally, the less: all of it may have to be tried at each character, as in a text all of `=`. */
const MAX_TRIED = 100_000_000;
/** Looks no further than this behind the first match, nor at more of them. */
const SEARCHED_CHARACTERS = 30_000;
const MAX_MATCHES = 300;
/** How far a cut moves to fall between words. */
const MAX_SHIFT = 24;

/**
 * HTML of where a text matches best: one or two stretches of it, escaped, blanks drawn together, matches in `<mark>`.
 * The beginning of the text when nothing matches.
 */
export function makeSnippet(given: string, matcher: Matcher): string {
  const text = composePaired(given);
  const matches = findMatches(text, matcher);
  const first = bestWindow(text, matches, FIRST_CHARACTERS);
  const shown = new Set(matches.filter(isWithin(first)).map((match) => match.key));
  const others = matches.filter((match) => !shown.has(match.key));
  const windows = others.length > 0 ? [first, bestWindow(text, others, SECOND_CHARACTERS)] : [first];
  windows.sort((a, b) => a.start - b.start);
  const [left, right] = windows;
  if (left && right && right.start <= left.end) {
    windows.splice(0, 2, { start: left.start, end: Math.max(left.end, right.end) });
  }
  const pieces = windows.map((window) => toHtml(text, window, matches.filter(isWithin(window))));
  const before = (windows[0]?.start ?? 0) > 0 ? '… ' : '';
  const after = (windows.at(-1)?.end ?? 0) < text.length ? ' …' : '';
  return `${before}${pieces.join(' … ')}${after}`;
}

/**
 * The stretch of so many characters (UTF-16 units) in which a text matches best, its beginning when nothing matches, and
 * the different lexemes that match anywhere in it.
 */
export function findPassage(
  given: string,
  matcher: Matcher,
  characters: number,
): { start: number; end: number; lexemes: Set<string> } {
  const text = composePaired(given);
  const matches = findMatches(text, matcher);
  const { start, end } = bestWindow(text, matches, characters);
  const placeOf = (place: number) => (text === given ? place : placeInPieces(given, place));
  return { start: placeOf(start), end: placeOf(end), lexemes: new Set(matches.map(({ key }) => key)) };
}

function findMatches(text: string, matcher: Matcher): Match[] {
  const matches: Match[] = [];
  let until = Math.min(text.length, MAX_LOOKED_THROUGH);
  scanTokens(text, 0, (start, end, isPair) => {
    if (start > until || matches.length === MAX_MATCHES) return false;
    const key = matcher.match(text, start, end, isPair);
    if (key === null) return true;
    if (matches.length === 0) until = start + SEARCHED_CHARACTERS;
    // Of a pair one character may be all that was asked for.
    const length = isPair && [...key].length === 1 ? key.length : end - start;
    matches.push({ start, end: start + length, key });
    return true;
  });
  const tried = matcher.literals.reduce((sum, { source }) => sum + source.length, 0);
  const looked = text.slice(0, Math.min(MAX_LOOKED_THROUGH, MAX_TRIED / tried));
  const literal = matcher.literals.flatMap((pattern) => findLiteral(looked, pattern));
  return literal.length === 0 ? matches : [...matches, ...literal].toSorted((a, b) => a.start - b.start);
}

/** The first times that it stands there. */
function findLiteral(text: string, pattern: RegExp): Match[] {
  const found: Match[] = [];
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (found.push({ start: index, end: index + match.length, key: pattern.source }) === MAX_MATCHES) break;
  }
  return found;
}

interface Window {
  start: number;
  end: number;
}

const isWithin = (window: Window) => (match: Match) => match.start >= window.start && match.end <= window.end;

/** The window in which the most different things match, the earliest of several. */
function bestWindow(text: string, matches: Match[], length: number): Window {
  let best = { from: matches[0]?.start ?? 0, to: matches[0]?.end ?? 0, different: 0, all: 0 };
  let right = 0;
  const keys = new Map<string, number>();
  for (const [left, match] of matches.entries()) {
    let next = matches[right];
    while (next && (next.end <= match.start + length || right === left)) {
      keys.set(next.key, (keys.get(next.key) ?? 0) + 1);
      right += 1;
      next = matches[right];
    }
    const all = right - left;
    if (keys.size > best.different || (keys.size === best.different && all > best.all * 1.5)) {
      best = { from: match.start, to: matches[right - 1]?.end ?? match.end, different: keys.size, all };
    }
    const count = (keys.get(match.key) ?? 1) - 1;
    if (count === 0) keys.delete(match.key);
    else keys.set(match.key, count);
  }
  const spare = Math.max(0, length - (best.to - best.from));
  const start = cutBefore(text, Math.max(0, best.from - Math.floor(spare / 3)), best.from);
  return { start, end: cutAfter(text, Math.min(text.length, start + length), best.to) };
}

/** A place to begin at or after `at`, but not after `latest`. */
function cutBefore(text: string, at: number, latest: number): number {
  if (at === 0) return 0;
  for (let i = at; i < Math.min(latest, at + MAX_SHIFT); i++) if (/\s/.test(text.charAt(i - 1))) return i;
  return isInsidePair(text, at) ? at - 1 : at;
}

/** A place to end at or before `at`, but not before `earliest`. */
function cutAfter(text: string, at: number, earliest: number): number {
  if (at < earliest) return earliest;
  if (at === text.length) return at;
  for (let i = at; i > Math.max(earliest, at - MAX_SHIFT); i--) if (/\s/.test(text.charAt(i))) return i;
  return isInsidePair(text, at) ? at + 1 : at;
}

const isInsidePair = (text: string, at: number) =>
  /[\ud800-\udbff]/.test(text.charAt(at - 1)) && /[\udc00-\udfff]/.test(text.charAt(at));

function toHtml(text: string, window: Window, matches: Match[]): string {
  let html = '';
  let at = window.start;
  for (const [index, { start, end }] of matches.entries()) {
    const from = Math.max(start, at);
    if (end <= from) continue;
    html += escapeHtml(text.slice(at, from));
    // Pairs overlap, and are one match to a reader.
    const joinsLast = index > 0 && from === at && html.endsWith('</mark>');
    html = joinsLast ? html.slice(0, -'</mark>'.length) : `${html}<mark>`;
    html += `${escapeHtml(text.slice(from, end))}</mark>`;
    at = end;
  }
  return (html + escapeHtml(text.slice(at, window.end))).replace(/\s+/g, ' ').trim();
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string) =>
  text.toWellFormed().replace(/[&<>"']/g, (each) => entities[each] ?? each);
