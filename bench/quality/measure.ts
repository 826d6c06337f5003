import type { Question } from './questions.ts';

/** A hit by its names in the export. */
export interface Place {
  externalId: string;
  key: string;
}

/** Of a question or, as means, of several. Both from 0 to 1. */
export interface Score {
  /** The share of the answers, ten at most, that the first ten hits hold. */
  recall: number;
  /** 1 over the rank of the first hit that is an answer, 0 when none of the ten is: its mean is the MRR. */
  reciprocalRank: number;
}

export const DEPTH = 10;

export function scoreOf({ answers }: Question, places: Place[]): Score {
  const found = places
    .slice(0, DEPTH)
    .map(({ externalId, key }) => [key, externalId].find((name) => answers.has(name)));
  const first = found.findIndex((name) => name !== undefined);
  const distinct = new Set(found.filter((name) => name !== undefined));
  return {
    recall: distinct.size / Math.min(DEPTH, answers.size),
    reciprocalRank: first === -1 ? 0 : 1 / (first + 1),
  };
}

export function meanOf(scores: Score[]): Score {
  return {
    recall: mean(scores.map(({ recall }) => recall)),
    reciprocalRank: mean(scores.map(({ reciprocalRank }) => reciprocalRank)),
  };
}

/** 0 of none. */
export const mean = (values: number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
