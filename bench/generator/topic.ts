import { openLexicon } from './lexicon.ts';
import { randomFrom } from './random.ts';

export interface Topic {
  /** Forty words of which a conversation speaks more than others do. */
  words: readonly string[];
  title: string;
  /** A sentence that stands in this conversation and, its numbers apart, in no other. */
  fact: string;
  /** What a person would ask to be led to `fact`. */
  question: string;
  /** What `fact` answers to `question`. */
  answer: string;
}

const topicStream = 1;
const units = ['metres', 'litres', 'euros', 'degrees', 'minutes', 'kilograms', 'volts', 'pages'];

/**
 * What conversation `index` of a seed is about, and the fact planted in it. Cheap: the conversation itself is not made,
 * so that a search benchmark can ask thousands of questions.
 */
export function topicOf(seed: number, index: number): Topic {
  const random = randomFrom(seed, index, topicStream);
  const { words, functionWordCount } = openLexicon();
  const between = (from: number, to: number) => words[random.between(from, to)] ?? '';
  const chosen = new Set<string>();
  while (chosen.size < 40) chosen.add(between(functionWordCount, 9_000));
  const topicWords = [...chosen];
  const [first = '', second = '', third = ''] = topicWords;
  // Ranks this high turn up in running text about once in a million words.
  const subject = `${between(20_000, 39_999)} ${between(20_000, 39_999)}`;
  const answer = `${random.between(12, 9_800)} ${random.pick(units)}`;
  const name = `${first} ${second}`;
  return {
    words: topicWords,
    title: random.chance(0.5)
      ? `${capitalise(name)} and ${third}`
      : `${capitalise(first)} ${second} ${third}`,
    fact: `The ${subject} of ${name} is ${answer}.`,
    question: `What is the ${subject} of ${name}?`,
    answer,
  };
}

export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
