/**
 * Text carries invisible markers, U+E200 kind U+E202 argument ... U+E201, and in older exports `【11†source】`. Each
 * becomes the link that the metadata has for it, or vanishes; what is not a marker is never touched.
 */
import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';

const ANY_MARKER = /[\ue200-\ue206\u3010]/;
// Bounded, so that a marker that is never closed loses its first character only.
const MARKERS =
  /\ue200[^\ue200\ue201\n]{0,2000}\ue201|\u3010(?:\d{1,6}:)?\d{1,6}\u2020[^\u3010\u3011\n]{0,200}\u3011|[\ue200-\ue206]/g;
const SEPARATOR = '\ue202';
const MARKER_LENGTH = 2000;
/** Markers past the bound are looked up one by one, so only a few are. */
const MAX_LONG_MARKERS = 16;

export function renderCitations(text: string, role: string, metadata: JsonObject): string {
  if (!ANY_MARKER.test(text)) return text;
  const references = referencesByMarker(metadata);
  const citations = citationsByStart(metadata);
  const long = [...references.keys()]
    .filter((marker) => marker.length > MARKER_LENGTH || marker.includes('\n'))
    .slice(0, MAX_LONG_MARKERS);
  let result = '';
  let done = 0;
  for (const match of text.matchAll(MARKERS)) {
    if (match.index < done) continue;
    // What a user pastes may look like an old marker.
    if (match[0].startsWith('\u3010') && role === 'user') continue;
    const marker =
      match[0] === '\ue200'
        ? (long.find((each) => text.startsWith(each, match.index)) ?? match[0])
        : match[0];
    result += text.slice(done, match.index) + replacement(marker, match.index, references, citations);
    done = match.index + marker.length;
  }
  return result + text.slice(done);
}

function replacement(
  marker: string,
  offset: number,
  references: Map<string, JsonObject[]>,
  citations: Map<number, JsonObject>,
): string {
  const list = references.get(marker);
  const reference = list !== undefined && list.length > 1 ? list.shift() : list?.[0];
  if (reference !== undefined) return referenceText(reference) ?? ownText(marker);
  const citation = citations.get(offset);
  const cited = citation === undefined ? '' : link(citation.title, citation.url);
  if (cited !== '') return ` (${cited})`;
  return ownText(marker);
}

/** By the marker that a reference replaces, in the order in which they stand; some cover several markers at once. */
function referencesByMarker(metadata: JsonObject): Map<string, JsonObject[]> {
  const references = asArray(metadata.content_references).filter(isObject);
  const byMarker = new Map<string, JsonObject[]>();
  for (const reference of references.toSorted((a, b) => startOf(a) - startOf(b))) {
    const matched = asText(reference.matched_text);
    if (matched === null) continue;
    const whole = matched.lastIndexOf('\ue200') === 0 && matched.indexOf('\ue201') === matched.length - 1;
    const marker = whole ? matched : matched.match(MARKERS)?.find((each) => each.length > 1);
    if (marker === undefined) continue;
    const list = byMarker.get(marker);
    if (list === undefined) byMarker.set(marker, [reference]);
    else list.push(reference);
  }
  return byMarker;
}

function startOf(reference: JsonObject): number {
  return typeof reference.start_idx === 'number' ? reference.start_idx : Number.MAX_SAFE_INTEGER;
}

function citationsByStart(metadata: JsonObject): Map<number, JsonObject> {
  const byStart = new Map<number, JsonObject>();
  for (const each of asArray(metadata.citations)) {
    const { start_ix, metadata: target } = asObject(each);
    if (typeof start_ix === 'number' && isObject(target)) byStart.set(start_ix, target);
  }
  return byStart;
}

/** Null when the reference says nothing about what it stands for. */
function referenceText(reference: JsonObject): string | null {
  if (reference.type === 'hidden' || reference.invalid === true) return '';
  const alt = asText(reference.alt);
  if (alt !== null) return safeLinks(alt);
  const named = [
    reference,
    ...asArray(reference.items),
    ...asArray(reference.fallback_items),
    ...asArray(reference.sources),
  ];
  const links = named
    .map(asObject)
    .filter((item) => httpUrl(item.url) !== null)
    .map((item) => link(item.title ?? item.attribution ?? item.name, item.url));
  if (links.length > 0) return `(${[...new Set(links)].join(', ')})`;
  return asText(reference.name) ?? asText(reference.title);
}

/** What a marker says by itself: the name of an entity, else nothing. */
function ownText(marker: string): string {
  const [kind, argument = ''] = marker.slice(1, -1).split(SEPARATOR);
  if (kind !== 'entity') return '';
  try {
    return asText(asArray(JSON.parse(argument))[1]) ?? '';
  } catch {
    return '';
  }
}

function link(title: unknown, url: unknown): string {
  const target = httpUrl(url);
  const label = (asText(title) ?? '').replace(/[[\]\s]+/g, ' ').trim();
  if (target === null) return label;
  return label === '' ? target : `[${label}](${target})`;
}

/** Encodes what would end a Markdown link early. */
function httpUrl(url: unknown): string | null {
  if (typeof url !== 'string' || !/^https?:\/\/[^\s/]/i.test(url)) return null;
  return url
    .replace(/[\s<>]/g, encodeURIComponent)
    .replaceAll('(', '%28')
    .replaceAll(')', '%29');
}

/** Markdown whose links lead to the web; any other keeps its label only. */
function safeLinks(markdown: string): string {
  return markdown.replace(/\[([^[\]]*)\]\((?!https?:\/\/)\s*\S*/gi, '$1');
}
