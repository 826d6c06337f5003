import { z } from 'zod';
import { searchQuery } from '../search.ts';

/** What to look for, and how many hits to answer. */
export const passageInput = z.strictObject({
  query: searchQuery,
  k: z.int().min(1).max(30).default(8),
});
export type PassageInput = z.input<typeof passageInput>;

/** The same, with how many of the best to choose from, and what counts: 1 is relevance alone, 0 difference alone. */
export const diverseInput = z.strictObject({
  ...passageInput.shape,
  candidates: z.int().min(10).max(200).default(50),
  lambda: z.number().min(0).max(1).default(0.5),
});
export type DiverseInput = z.input<typeof diverseInput>;
