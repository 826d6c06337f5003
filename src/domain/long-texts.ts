import { setImmediate as nextTurn } from 'node:timers/promises';

/** What is looked through between two turns of the event loop: some milliseconds. */
const CHARACTERS_AT_ONCE = 200_000;

/**
 * Maps what holds texts, one after the other, and lets other requests have their turn between long ones: a page of hits
 * may be pasted logs of many megabytes. `lengthOf` is in characters (UTF-16 units).
 */
export async function mapTexts<Item, Result>(
  items: Item[],
  lengthOf: (item: Item) => number,
  map: (item: Item, index: number) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  let characters = 0;
  for (const [index, item] of items.entries()) {
    characters += lengthOf(item);
    if (characters > CHARACTERS_AT_ONCE) {
      await nextTurn();
      characters = 0;
    }
    results.push(map(item, index));
  }
  return results;
}

/**
 * Goes through work that takes long, and lets others have their turn wherever it stops, after `before` is through with what
 * it gives there, if it gives anything. Answers what comes of it.
 */
export async function inTurns<Step, Result>(
  work: Generator<Step | null, Result>,
  before: (step: Step) => Promise<void>,
): Promise<Result> {
  for (let step = work.next(); ; step = work.next()) {
    if (step.done) return step.value;
    if (step.value !== null) await before(step.value);
    await nextTurn();
  }
}
