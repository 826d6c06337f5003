/** Markers in a text: U+E200 kind U+E202 argument ... U+E201, and in older exports `【11†source】`. */
import { asArray, asText } from '../values/json.ts';

const ANY_MARKER = /[\ue200-\ue206\u3010]/;
// Bounded, so that a marker that is never closed loses its first character only.
const MARKERS =
  /\ue200[^\ue200\ue201\n]{0,2000}\ue201|\u3010(?:\d{1,20}:)?\d{1,20}\u2020[^\u3010\u3011\n]{0,200}\u3011|[\ue200-\ue206]/g;
const SEPARATOR = '\ue202';
const MARKER_LENGTH = 2000;
/** Markers past the bound are looked up one by one, so only a few are. */
const MAX_LONG_MARKERS = 16;
/**
 * Nobody of these cites in the old form: in what a tool fetched it is a link of the page, whose label is the page's text.
 * Whose role is not known may be the one that answers.
 */
const uncitingRoles = new Set(['user', 'tool', 'function']);

export interface Marker {
  text: string;
  start: number;
}

export function hasMarkers(text: string): boolean {
  return ANY_MARKER.test(text);
}

/** The markers of a message in their order; `known` are those that its references name. */
export function* markersIn(text: string, role: string, known: readonly string[]): Generator<Marker> {
  const long = known
    .filter((marker) => marker.length > MARKER_LENGTH || marker.includes('\n'))
    .slice(0, MAX_LONG_MARKERS);
  let done = 0;
  for (const match of text.matchAll(MARKERS)) {
    if (match.index < done) continue;
    if (match[0].startsWith('\u3010') && uncitingRoles.has(role)) continue;
    const marker =
      match[0] === '\ue200'
        ? (long.find((each) => text.startsWith(each, match.index)) ?? match[0])
        : match[0];
    yield { text: marker, start: match.index };
    done = match.index + marker.length;
  }
}

/** The marker that a reference replaces, of which it may name several at once; undefined when it names none. */
export function markerOf(matched: string): string | undefined {
  const isWhole = matched.lastIndexOf('\ue200') === 0 && matched.indexOf('\ue201') === matched.length - 1;
  return isWhole ? matched : matched.match(MARKERS)?.find((each) => each.length > 1);
}

/** Whether it stands for a source, rather than for pictures, products or a name. */
export function isCitation(marker: string): boolean {
  return /^(?:\u3010|\ue200(?:file)?cite\ue202)/.test(marker);
}

/** What a marker says by itself: the name of an entity, else nothing. */
export function ownText(marker: string): string {
  const [kind, argument = ''] = marker.slice(1, -1).split(SEPARATOR);
  if (kind !== 'entity') return '';
  try {
    return asText(asArray(JSON.parse(argument))[1]) ?? '';
  } catch {
    return '';
  }
}
