import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { link } from './links.ts';
import { hasMarkers, type Marker, markersIn, ownText } from './markers.ts';
import { referencesByMarker, referenceText } from './references.ts';

/** Each marker becomes the link that the metadata has for it, or vanishes; what is not a marker is never touched. */
export function renderCitations(text: string, role: string, metadata: JsonObject): string {
  if (!hasMarkers(text)) return text;
  const references = referencesByMarker(metadata);
  const citations = citationsByStart(metadata);
  let result = '';
  let done = 0;
  for (const marker of markersIn(text, role, [...references.keys()])) {
    result += text.slice(done, marker.start) + replacement(marker, references, citations);
    done = marker.start + marker.text.length;
  }
  return result + text.slice(done);
}

function replacement(
  marker: Marker,
  references: Map<string, JsonObject[]>,
  citations: Map<number, JsonObject>,
): string {
  const list = references.get(marker.text);
  const reference = list !== undefined && list.length > 1 ? list.shift() : list?.[0];
  if (reference !== undefined) return referenceText(reference, marker.text);
  const citation = citations.get(marker.start);
  const cited = citation === undefined ? '' : citedText(citation);
  if (cited !== '') return ` (${cited})`;
  return ownText(marker.text);
}

/** Pages have a title and an address; files have a name, and mostly nothing else. */
function citedText({ type, name, title, url }: JsonObject): string {
  const [label] = (type === 'file' ? [name, title] : [title, name]).filter((each) => asText(each) !== null);
  return link(label, url);
}

function citationsByStart(metadata: JsonObject): Map<number, JsonObject> {
  const byStart = new Map<number, JsonObject>();
  for (const each of asArray(metadata.citations)) {
    const { start_ix, metadata: target } = asObject(each);
    if (typeof start_ix === 'number' && isObject(target)) byStart.set(start_ix, target);
  }
  return byStart;
}
