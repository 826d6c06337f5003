import { asArray, asObject, isObject, type JsonObject } from '../values/json.ts';

/**
 * What each marker cites, by where the marker starts. The offsets of citations are a hint only: most count code units,
 * some code points, and some count from one. The way of counting that fits most markers holds for all of them. Between two
 * markers that it fits, or one and an end, the others are paired in their order where as many citations are left; where
 * not, nothing tells which of them is whose, and no source is better than that of another sentence.
 */
export function pairCitations(
  text: string,
  starts: readonly number[],
  metadata: JsonObject,
): Map<number, JsonObject> {
  const citations = citationsByOffset(metadata);
  const fitted = pairByOffset(text, starts, new Map(citations.map(([offset], index) => [offset, index])));
  const targets = new Map<number, JsonObject>();
  let between: number[] = [];
  let next = 0;
  const pairUpTo = (index: number): void => {
    const left = citations.slice(next, index);
    for (const [at, [, target]] of left.entries()) {
      const start = between[at];
      if (start !== undefined && between.length === left.length) targets.set(start, target);
    }
    between = [];
    next = index;
  };
  for (const start of starts) {
    const index = fitted.get(start);
    // One that fits is alone with its citation.
    if (index !== undefined) pairUpTo(index);
    between.push(start);
    if (index !== undefined) pairUpTo(index + 1);
  }
  pairUpTo(citations.length);
  return targets;
}

/** An invalid citation points nowhere, but keeps its marker. */
function citationsByOffset(metadata: JsonObject): [number, JsonObject][] {
  const byOffset = new Map<number, JsonObject>();
  for (const each of asArray(metadata.citations)) {
    const { start_ix, metadata: target } = asObject(each);
    if (typeof start_ix !== 'number') continue;
    if (isObject(target) || !byOffset.has(start_ix)) byOffset.set(start_ix, asObject(target));
  }
  return [...byOffset].toSorted(([a], [b]) => a - b);
}

/** The index of the citation of each marker whose start equals its offset, counted in the way that fits most. */
function pairByOffset(
  text: string,
  starts: readonly number[],
  indexOf: ReadonlyMap<number, number>,
): Map<number, number> {
  const ways = [0, 1, 2, 3].map(() => new Map<number, number>());
  let done = 0;
  let pairs = 0;
  for (const start of starts) {
    pairs += countSurrogatePairs(text, done, start);
    done = start;
    const counted = [start, start - pairs, start + 1, start - pairs + 1];
    for (const [way, offset] of counted.entries()) {
      const index = indexOf.get(offset);
      if (index !== undefined) ways[way]?.set(start, index);
    }
  }
  return ways.reduce((best, each) => (each.size > best.size ? each : best));
}

/** Every pair has one low half, and there are no halves alone in a clean text. */
function countSurrogatePairs(text: string, from: number, to: number): number {
  let pairs = 0;
  for (let at = from; at < to; at += 1) if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) pairs += 1;
  return pairs;
}
