import { asArray, asObject, asText, type JsonObject } from '../values/json.ts';
import { pairCitations } from './citation-pairs.ts';
import { link } from './links.ts';
import { hasMarkers, isCitation, markersIn, ownText } from './markers.ts';
import { readReferences } from './references.ts';

/** Each marker becomes the link that the metadata has for it, or vanishes; what is not a marker is never touched. */
export function renderCitations(text: string, role: string, metadata: JsonObject): string {
  if (!hasMarkers(text)) return text;
  const references = readReferences(metadata, text.length);
  const citations = citationsOf(text, role, metadata, references.markers);
  let result = '';
  let done = 0;
  for (const marker of markersIn(text, role, references.markers)) {
    result += text.slice(done, marker.start);
    result += references.take(marker.text) ?? citedText(citations.get(marker.start)) ?? ownText(marker.text);
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

/** Pages have a title and an address; files have a name, and mostly nothing else. Null when it says neither. */
function citedText(citation: JsonObject | undefined): string | null {
  const { type, name, title, url } = asObject(citation);
  const [label] = (type === 'file' ? [name, title] : [title, name]).filter((each) => asText(each) !== null);
  const cited = link(label, url);
  return cited === '' ? null : ` (${cited})`;
}
