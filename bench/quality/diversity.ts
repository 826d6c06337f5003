import { searchDiverse } from '../../src/domain/retrieval/diverse.ts';
import { type Found, searchPassages } from '../../src/domain/retrieval/passages.ts';
import { similarity, weighTerms } from '../../src/domain/retrieval/term-weights.ts';
import type { Services } from '../../src/domain/services.ts';
import type { Viewer } from '../../src/domain/viewer.ts';
import { printTable } from '../table.ts';
import { DEPTH, mean, meanOf, scoreOf } from './measure.ts';
import { type Planted, placeOf, wordsOf } from './planted.ts';

/** Questions that so many messages answer a little that ten of them can be much the same. */
const QUESTIONS = 40;

/** Prints how much alike the ten hits of the plain and of the diverse search are, and how often both find the answer. */
export async function compareDiversity(services: Services, viewer: Viewer, planted: Planted): Promise<void> {
  const questions = planted.conversations.slice(0, QUESTIONS).map(({ subject, name, factKey }) => ({
    kind: 'any of the words',
    query: wordsOf(`${subject} ${name}`).join(' OR '),
    answers: new Set([factKey]),
  }));
  const plain: Found[][] = [];
  const diverse: Found[][] = [];
  for (const { query } of questions) {
    plain.push(await searchPassages(services, viewer, { query, k: DEPTH }));
    diverse.push(await searchDiverse(services, viewer, { query, k: DEPTH }));
  }
  const measure = (lists: Found[][]) => ({
    likeness: mean(lists.map(likeness)),
    wordsInCommon: mean(lists.map(wordsInCommon)),
    conversations: mean(lists.map((found) => new Set(found.map(({ conversation }) => conversation.id)).size)),
    ...meanOf(questions.map((question, index) => scoreOf(question, lists[index]?.map(placeOf) ?? []))),
  });
  const [before, after] = [measure(plain), measure(diverse)];
  const isBetter = after.likeness < before.likeness && after.recall >= before.recall;
  const row = (name: string, of: typeof before) => [
    name,
    of.likeness.toFixed(3),
    of.wordsInCommon.toFixed(3),
    of.conversations.toFixed(1),
    of.recall.toFixed(2),
    of.reciprocalRank.toFixed(2),
  ];
  printTable(
    [
      `${QUESTIONS} questions, any of the words`,
      'likeness',
      'words in common',
      'conversations',
      `recall@${DEPTH}`,
      'MRR',
      'goal: less alike, no less recall',
    ],
    [row('/search', before), [...row('/search/advanced', after), isBetter ? 'met' : 'not met']],
  );
}

/** The mean cosine of two of the hits, over their tf-idf weights. */
function likeness(found: Found[]): number {
  const terms = weighTerms(
    found.map(({ message, conversation }) => `${conversation.title}\n${message.text}`),
  );
  return mean(pairsOf(terms).map(([a, b]) => similarity(a, b)));
}

/** The same by a measure that the diverse search knows nothing of: Jaccard's, over plain words. */
function wordsInCommon(found: Found[]): number {
  const words = found.map(({ message }) => new Set(wordsOf(message.text)));
  return mean(
    pairsOf(words).map(([a, b]) => {
      const common = [...a].filter((word) => b.has(word)).length;
      return common / Math.max(1, a.size + b.size - common);
    }),
  );
}

const pairsOf = <T>(values: T[]): [T, T][] =>
  values.flatMap((a, index) => values.slice(index + 1).map((b): [T, T] => [a, b]));
