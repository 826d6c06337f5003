import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { httpUrl, link, safeLinks } from './links.ts';
import { markerOf } from './markers.ts';

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

/** Null when the reference says nothing about what it stands for. */
export function referenceText(reference: JsonObject): string | null {
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
