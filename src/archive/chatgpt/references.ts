import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { httpUrl, link, safeLinks } from './links.ts';
import { markerOf, ownText } from './markers.ts';

/** Repeats may add so many times what the text and all references are long, or little JSON would become gigabytes. */
const MAX_GROWTH = 8;

/** What stands in the place of markers, of which the text of a message is made in one pass. */
export interface References {
  markers: readonly string[];
  /** The text of the next reference to this marker, of the last one again when there are no more; null without any. */
  take: (marker: string) => string | null;
}

export function readReferences(metadata: JsonObject, textLength: number): References {
  const texts = textsByMarker(metadata);
  const lengths = [...texts.values()].flat().map((text) => text.length);
  let room = MAX_GROWTH * lengths.reduce((sum, length) => sum + length, textLength);
  const taken = new Map<string, number>();
  const take = (marker: string): string | null => {
    const known = texts.get(marker);
    if (known === undefined) return null;
    const count = taken.get(marker) ?? 0;
    taken.set(marker, count + 1);
    const next = known[count];
    if (next !== undefined) return next;
    const last = known.at(-1) ?? '';
    if (last.length > room) return ownText(marker);
    room -= last.length;
    return last;
  };
  return { markers: [...texts.keys()], take };
}

/** By the marker that they replace, in the order in which they stand; some cover several markers at once. */
function textsByMarker(metadata: JsonObject): Map<string, string[]> {
  const references = asArray(metadata.content_references).filter(isObject);
  const texts = new Map<string, string[]>();
  for (const reference of references.toSorted((a, b) => startOf(a) - startOf(b))) {
    const matched = asText(reference.matched_text);
    const marker = matched === null ? undefined : markerOf(matched);
    if (marker === undefined) continue;
    const text = referenceText(reference, marker);
    const list = texts.get(marker);
    if (list === undefined) texts.set(marker, [text]);
    else list.push(text);
  }
  return texts;
}

function startOf(reference: JsonObject): number {
  return typeof reference.start_idx === 'number' ? reference.start_idx : Number.MAX_SAFE_INTEGER;
}

/**
 * What stands in the sentence in place of a marker. Entities and files become their names, as ChatGPT shows them,
 * whatever pages the reference has besides: a sentence would lack a word otherwise.
 */
function referenceText(reference: JsonObject, marker: string): string {
  if (reference.type === 'hidden') return '';
  const own = ownText(marker);
  if (reference.invalid === true) return own;
  const name = asText(reference.name) ?? own;
  const isNamed = own !== '' || reference.type === 'entity' || reference.type === 'file';
  if (isNamed && name !== '') return name;
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
  return name || (asText(reference.title) ?? '');
}
