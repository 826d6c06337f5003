import { expect, test } from 'vitest';
import { mapTexts } from '../src/domain/long-texts.ts';

test('Others have their turn between long texts, and short ones are done in one go', async () => {
  const turnsDuring = async (texts: string[]) => {
    let turns = 0;
    let next = setImmediate(function count() {
      turns += 1;
      next = setImmediate(count);
    });
    const lengths = await mapTexts(
      texts,
      (text) => text.length,
      (text, index) => `${index}: ${text.length}`,
    );
    clearImmediate(next);
    expect(lengths).toEqual(texts.map((text, index) => `${index}: ${text.length}`));
    return turns;
  };
  expect(await turnsDuring(Array(5).fill('x'.repeat(250_000)))).toBeGreaterThanOrEqual(5);
  expect(await turnsDuring(Array(100).fill('short'))).toBe(0);
});
