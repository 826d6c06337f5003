import { setImmediate } from 'node:timers/promises';
import { createContext, Script } from 'node:vm';
import { Marked, Tokenizer, type Tokens } from 'marked';
import sanitizeHtml from 'sanitize-html';
import { factsOf, titleOf } from './heading.ts';
import type { WholeConversation } from './whole.ts';

/** A longer text is shown as it is: it is no longer prose, and could keep the parser busy. */
const MAX_MARKDOWN_CHARACTERS = 50_000;

/** Each level of a quote is parsed anew, so that so many take seconds. */
const DEEP_QUOTE = /(?:>[ \t]?){100}/;

/**
 * Characters that one text's marks of emphasis may look through for their other halves. Each that has none looks through all
 * that follows: ten thousand of them take many seconds. So many characters take less than 100 ms, and no prose comes near.
 */
const MAX_LOOKED_THROUGH = 500_000;

/** Other ways to keep the parser busy end after this, which is several times what 50,000 characters of prose take. */
const MAX_PARSE_MS = 1_000;
/** In a text that is no longer none of them takes long. */
const SHORT_CHARACTERS = 2_000;

/** A mark that neither begins nor ends anything where it stands. */
const IDLE_MARK = /^[*_~]+(?=\s|$)/;
/** An underscore within a name: all that is tried there is whether the name is an address. */
const WITHIN_A_NAME = /^_+[\p{L}\p{N}]/u;
const NAME = /^[\w.!#$%&'*+/=?^`{|}~-]+/;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const toText = (text: string) => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/** What is left of MAX_LOOKED_THROUGH for the text that is being parsed, which happens at a stretch. */
let unspent = 0;

function spend<T extends Tokens.Em | Tokens.Strong | Tokens.Del>(
  source: string,
  before: string,
  found: T | undefined,
): T | undefined {
  if (found) unspent -= found.raw.length;
  else if (/[\p{L}\p{N}]/u.test(before) && WITHIN_A_NAME.test(source)) {
    unspent -= NAME.exec(source)?.[0].length ?? 0;
  } else if (!IDLE_MARK.test(source)) unspent -= source.length;
  if (unspent < 0) throw new Error('The marks of emphasis take too long.');
  return found;
}

/** HTML that somebody wrote is text here, so that it is neither lost nor run; a picture is a link, for none is fetched. */
const markdown = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  tokenizer: {
    emStrong(source, masked, before = '') {
      if (!/^[*_]/.test(source)) return undefined;
      return spend(source, before, Tokenizer.prototype.emStrong.call(this, source, masked, before));
    },
    del(source, masked, before = '') {
      if (!source.startsWith('~')) return undefined;
      return spend(source, before, Tokenizer.prototype.del.call(this, source, masked, before));
    },
  },
  renderer: {
    html: ({ text }) => toText(text),
    image: ({ href, text }) => `<a href="${toText(href)}">${toText(text || href)}</a>`,
  },
});

/** The second wall: whatever the parser lets through, only this reaches the page. */
const allowed: sanitizeHtml.IOptions = {
  allowedTags: [
    ...['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code'],
    ...['strong', 'em', 'del', 'a', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  allowedAttributes: { a: ['href', 'title', 'rel'], ol: ['start'], th: ['align'], td: ['align'] },
  allowedSchemes: ['http', 'https', 'mailto'],
  allowProtocolRelative: false,
  disallowedTagsMode: 'escape',
  transformTags: { a: sanitizeHtml.simpleTransform('a', { rel: 'noopener noreferrer nofollow' }) },
};

/** Markdown as HTML that can do nothing: no script, no form, no style, no request. */
export function markdownToHtml(text: string): string {
  const plain = () => `<pre>${toText(text)}</pre>`;
  if (text.length > MAX_MARKDOWN_CHARACTERS || DEEP_QUOTE.test(text)) return plain();
  const rich = () => sanitizeHtml(markdown.parse(text, { async: false }), allowed);
  unspent = MAX_LOOKED_THROUGH;
  try {
    return text.length <= SHORT_CHARACTERS ? rich() : withinTime(rich);
  } catch {
    // Too much to look through, too slow, or lists nested too deep for the parser's stack.
    return plain();
  }
}

const timed = createContext({ work: null as (() => string) | null });
const callWork = new Script('work()');

/** Calls our own function; a script of node:vm is what can be ended in the middle. Throws when it takes longer. */
function withinTime(work: () => string): string {
  timed.work = work;
  return callWork.runInContext(timed, { timeout: MAX_PARSE_MS });
}

const STYLE = `body{max-width:48rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#222;
background:#fff}header{border-bottom:1px solid #ccc}dl{display:grid;grid-template-columns:max-content auto;gap:0 1rem}
dd{margin:0}article{margin:1.5rem 0}article h2{font-size:.9rem;color:#666}.user{background:#f4f4f4;padding:.5rem 1rem;
border-radius:.5rem}pre{overflow:auto;background:#eee;padding:.75rem;white-space:pre-wrap}table{border-collapse:collapse}
td,th{border:1px solid #ccc;padding:.25rem .5rem}`;

/** A page that stands alone, in pieces. Its policy forbids scripts and requests also where it is opened from a disk. */
export async function* renderHtml({ head, messages }: WholeConversation): AsyncGenerator<string> {
  yield `<!doctype html>
<html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">
<title>${toText(head.title)}</title><style>${STYLE}</style></head><body>
<header><h1>${toText(head.title)}</h1><dl>`;
  for (const [name, value] of factsOf(head)) yield `<dt>${name}</dt><dd>${toText(value)}</dd>`;
  yield '</dl></header>\n';
  for await (const message of messages) {
    if (message.kind !== 'VISIBLE') continue;
    // A page of them is in memory: others get their turn between any two.
    await setImmediate();
    const kind = message.role === 'user' ? ' class="user"' : '';
    yield `<article${kind}><h2>${toText(titleOf(message))}</h2>\n${markdownToHtml(message.text)}`;
    for (const { name, externalId } of message.attachments) {
      yield `<p><em>Attachment: ${toText(name ?? externalId)}</em></p>`;
    }
    yield '</article>\n';
  }
  yield '</body></html>\n';
}
