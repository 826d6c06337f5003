import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { httpUrl, link, safeLinks } from './links.ts';
import { markerOf, ownText } from './markers.ts';

/** By the marker that a reference replaces, in the order in which they stand; some cover several markers at once. */
export function referencesByMarker(metadata: JsonObject): Map<string, JsonObject[]> {
  const references = asArray(metadata.content_references).filter(isObject);
  const byMarker = new Map<string, JsonObject[]>();
  for (const reference of references.toSorted((a, b) => startOf(a) - startOf(b))) {
    const matched = asText(reference.matched_text);
    const marker = matched === null ? undefined : markerOf(matched);
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

/**
 * What stands in the sentence in place of a marker. Entities and files become their names, as ChatGPT shows them,
 * whatever pages the reference has besides: a sentence would lack a word otherwise.
 */
export function referenceText(reference: JsonObject, marker: string): string {
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
