import { asArray, asText, type JsonObject } from '../values/json.ts';
import { pairCitations } from './citation-pairs.ts';
import { link } from './links.ts';
import { hasMarkers, isCitation, type Marker, markersIn, ownText } from './markers.ts';
import { referencesByMarker, referenceText } from './references.ts';

/** Each marker becomes the link that the metadata has for it, or vanishes; what is not a marker is never touched. */
export function renderCitations(text: string, role: string, metadata: JsonObject): string {
  if (!hasMarkers(text)) return text;
  const references = referencesByMarker(metadata);
  const known = [...references.keys()];
  const citations = citationsOf(text, role, metadata, known);
  let result = '';
  let done = 0;
  for (const marker of markersIn(text, role, known)) {
    result += text.slice(done, marker.start) + replacement(marker, references, citations);
    done = marker.start + marker.text.length;
  }
  return result + text.slice(done);
}

/** By where their markers start; hardly any message has some. */
function citationsOf(
  text: string,
  role: string,
  metadata: JsonObject,
  known: readonly string[],
): Map<number, JsonObject> {
  if (asArray(metadata.citations).length === 0) return new Map();
  const starts: number[] = [];
  for (const marker of markersIn(text, role, known)) if (isCitation(marker.text)) starts.push(marker.start);
  return pairCitations(text, starts, metadata);
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
