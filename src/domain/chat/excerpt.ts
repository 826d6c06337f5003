import type { Neighbour } from './citation.ts';
import { focusOf } from './question.ts';
import type { Finding } from './retrieve.ts';

/** Counts the tokens of a text. */
export type TokenCounter = (text: string) => number;

/** A finding as it stands in a prompt. */
export interface Excerpt {
  number: number;
  finding: Finding;
  /** The part of the message's text that is quoted. */
  start: number;
  end: number;
  /** Those whose text is quoted, as far as it is: up to `end`, in UTF-16 units of the text. */
  neighbours: (Neighbour & { end: number })[];
}

/** What one token is at most, for a first guess at how much text fits. */
const CHARACTERS_PER_TOKEN = 5;

/** Less than this says too little to be worth its frame. */
const MIN_QUOTE_TOKENS = 40;

/** A match further into a message than this is not looked for. */
const MAX_SEARCHED_CHARACTERS = 1_000_000;

/** Words within so many characters stand together. */
const TOGETHER_CHARACTERS = 600;

/** Of a word that stands more often in a text, that is all there is to say of it. */
const MAX_PLACES = 200;

/** Sums of weights are no exact numbers. */
const ROUNDING = 1e-9;

/** Shares of an excerpt: the message itself, then whatever it leaves to what was said before and after. */
const MESSAGE_SHARE = 0.6;

/**
 * Text of the history as data: no markup of the prompt, and no token by which a model's own template marks who speaks,
 * can come out of it.
 */
export const escapeText = (text: string) =>
  text
    .toWellFormed()
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/\[(\/?[A-Z][A-Z_]{2,})\]/g, '&#91;$1&#93;');

/** By which templates of chat mark who speaks: `<|im_start|>`, `<end_of_turn>`, `</s>`, `[INST]` and their like. */
const OPENING = /<(?=[|｜]|\/?(?:s|bos|eos|unk|pad|start_of_turn|end_of_turn)>)/g;
const BRACKETED =
  /\[(\/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|IMG|PREFIX|SUFFIX|MIDDLE))\]/g;

/** An earlier answer, which may quote the history: without such tokens, and else as it was, for the model takes after it. */
export const escapeTokens = (text: string) =>
  text.replaceAll(OPENING, '&lt;').replaceAll(BRACKETED, '&#91;$1&#93;');

/** The excerpts that fit into so many tokens, the best finding first, and the markup that holds them. */
export function quoteFindings(
  findings: Finding[],
  query: string,
  tokens: number,
  count: TokenCounter,
): { excerpts: Excerpt[]; markup: string } {
  const excerpts: Excerpt[] = [];
  const parts: string[] = [];
  const words = focusOf(query);
  let left = tokens;
  for (const [index, finding] of findings.entries()) {
    const share = Math.floor(left / (findings.length - index));
    const number = excerpts.length + 1;
    const frame = count(renderExcerpt(finding, number, { message: '', neighbours: [] }));
    const room = share - frame;
    if (room < MIN_QUOTE_TOKENS) continue;
    const { start, end } = stretchWithin(
      finding.message.text,
      placeToQuote(finding.message.text, words),
      room * MESSAGE_SHARE,
      count,
    );
    const message = quoted(finding.message.text, start, end);
    const neighbours = quoteNeighbours(finding, room - count(escapeText(message)), count);
    const part = renderExcerpt(finding, number, { message, neighbours });
    left -= count(part);
    excerpts.push({ number, finding, start, end, neighbours });
    parts.push(part);
  }
  return { excerpts, markup: parts.join('\n') };
}

function quoteNeighbours(
  { before, after }: Finding,
  tokens: number,
  count: TokenCounter,
): Excerpt['neighbours'] {
  const present = [before, after].filter((each) => each !== null);
  return present.flatMap((neighbour) => {
    const room = Math.floor(tokens / present.length) - MIN_QUOTE_TOKENS;
    if (room < MIN_QUOTE_TOKENS) return [];
    const { start, end } = stretchWithin(neighbour.text, 0, room, count);
    return [{ ...neighbour, text: quoted(neighbour.text, start, end), end }];
  });
}

function renderExcerpt(
  { message, conversation, before }: Finding,
  number: number,
  quotes: { message: string; neighbours: Neighbour[] },
): string {
  const said = (tag: string, role: string, text: string) =>
    `<${tag} role="${escapeText(role.slice(0, 30))}">${escapeText(text)}</${tag}>`;
  const date = (message.createdAt ?? conversation.createdAt)?.toISOString().slice(0, 10) ?? 'unknown';
  const title = escapeText(conversation.title.slice(0, 120));
  const isBefore = ({ nodeId }: Neighbour) => nodeId === before?.nodeId;
  return [
    `<excerpt number="${number}" conversation="${title}" date="${date}">`,
    ...quotes.neighbours.filter(isBefore).map(({ role, text }) => said('before', role, text)),
    said('message', message.role, quotes.message),
    ...quotes.neighbours.filter((each) => !isBefore(each)).map(({ role, text }) => said('after', role, text)),
    '</excerpt>',
  ].join('\n');
}

/**
 * Where in a text the most of the question's words stand together, and rather the rare ones of that text: what is cut away
 * should not be what was found.
 */
function placeToQuote(text: string, words: string[]): number {
  const lower = text.slice(0, MAX_SEARCHED_CHARACTERS).toLowerCase();
  const places = words
    .flatMap((word) => {
      const found = placesOf(lower, word);
      return found.map((at) => ({ at, word, weight: 1 + 1 / found.length }));
    })
    .toSorted((a, b) => a.at - b.at);
  const held = new Map<string, number>();
  let best = { at: 0, weight: 0 };
  let weight = 0;
  let next = 0;
  for (const place of places) {
    for (let other = places[next]; other && other.at < place.at + TOGETHER_CHARACTERS; other = places[next]) {
      const count = held.get(other.word) ?? 0;
      if (count === 0) weight += other.weight;
      held.set(other.word, count + 1);
      next += 1;
    }
    if (weight > best.weight + ROUNDING) best = { at: place.at, weight };
    const left = (held.get(place.word) ?? 1) - 1;
    if (left === 0) weight -= place.weight;
    held.set(place.word, left);
  }
  return best.at;
}

/** Where a word stands, the first times. */
function placesOf(lower: string, word: string): number[] {
  const places: number[] = [];
  for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
    if (places.push(at) === MAX_PLACES) break;
  }
  return places;
}

/** The longest stretch around `focus`, as far as a few tries find it, that takes no more than so many tokens when escaped. */
function stretchWithin(
  text: string,
  focus: number,
  tokens: number,
  count: TokenCounter,
): { start: number; end: number } {
  let length = Math.min(text.length, Math.floor(tokens * CHARACTERS_PER_TOKEN));
  for (;;) {
    // A quarter of it leads up to the focus, unless the text ends before the stretch does.
    const start = wholeFrom(
      text,
      Math.max(0, Math.min(focus - Math.floor(length / 4), text.length - length)),
    );
    const end = wholeFrom(text, Math.min(text.length, start + length));
    const needed = count(escapeText(text.slice(start, end)));
    if (needed <= tokens || length === 0) return { start, end };
    length = Math.floor(length * Math.min(0.9, tokens / needed));
  }
}

/** The place itself, or the one before when it would cut a character in two. */
function wholeFrom(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? Math.max(0, at - 1) : at;
}

/** A stretch of text that shows where it was cut. */
function quoted(text: string, start: number, end: number): string {
  return `${start > 0 ? '…' : ''}${text.slice(start, end)}${end < text.length ? '…' : ''}`;
}

/** The beginning of a text that takes no more than so many tokens. */
export function beginningOf(text: string, tokens: number, count: TokenCounter): string {
  const { start, end } = stretchWithin(text, 0, tokens, count);
  return quoted(text, start, end);
}

/** A text, without its middle when it takes more than so many tokens. */
export function bothEndsOf(text: string, tokens: number, count: TokenCounter): string {
  const first = stretchWithin(text, 0, tokens / 2, count);
  const last = stretchWithin(text, text.length, tokens / 2, count);
  if (last.start <= first.end) return text;
  return `${text.slice(0, first.end)}\n…\n${text.slice(last.start)}`;
}
