import { searchLayers } from '../src/domain/retrieval/layers.ts';
import { suggestSpelling } from '../src/domain/search/spelling.ts';
import { search } from '../src/domain/search.ts';
import type { Services } from '../src/domain/services.ts';
import type { Viewer } from '../src/domain/viewer.ts';
import { type BenchOptions, openStage } from './import/stage.ts';
import { compareDiversity } from './quality/diversity.ts';
import { openMeaning } from './quality/meaning.ts';
import { DEPTH, meanOf, type Place, type Score, scoreOf } from './quality/measure.ts';
import { placeOf, plant } from './quality/planted.ts';
import { makeQuestions, type Question } from './quality/questions.ts';
import { fillArchive, settle } from './search/archive.ts';
import { printTable } from './table.ts';

const DEFAULT_MB = 5;
const CONVERSATIONS_PER_MB = 36.5;

/** Answers the first hits of a question. */
type Ask = (query: string) => Promise<Place[]>;

/**
 * Prints how well searches answer questions whose answers the generator planted: recall@10 and MRR by kind of question,
 * then how diverse the hits are. Last come the questions that the search by words answered in part or not at all.
 */
export async function benchQuality(options: BenchOptions): Promise<void> {
  const conversations = Math.round((options.mb[0] ?? DEFAULT_MB) * CONVERSATIONS_PER_MB);
  const planted = plant(conversations);
  const questions = makeQuestions(planted);
  const stage = await openStage(options);
  try {
    const { services } = stage;
    const viewer = await stage.addUser();
    await fillArchive(services, viewer.userId, 0, conversations);
    await settle(services);
    process.stdout.write(
      `${questions.length} questions about ${planted.messages.length} messages of ${conversations} conversations\n\n`,
    );
    const keyword = await scoreAll(questions, byWords(services, viewer));
    const layers = await scoreAll(questions, async (query) =>
      (await searchLayers(services, viewer, { query, k: DEPTH })).passages.map(placeOf),
    );
    const meaning = await openMeaning(services, viewer);
    try {
      const hybrid = await scoreAll(questions, async (query) =>
        (await search(meaning.services, viewer, { query, mode: 'HYBRID', limit: DEPTH })).map(placeOf),
      );
      printScores(questions, { keyword, layers, hybrid });
    } finally {
      await meaning.close();
    }
    await compareDiversity(services, viewer, planted);
    for (const [index, { kind, query }] of questions.entries()) {
      const { recall } = keyword[index] ?? { recall: 0 };
      if (recall < 1) process.stdout.write(`recall ${recall.toFixed(2)}, ${kind}: ${query}\n`);
    }
  } finally {
    await stage.close();
  }
}

/** As a client does: who finds nothing follows "did you mean". */
const byWords =
  (services: Services, viewer: Viewer): Ask =>
  async (query) => {
    const find = (words: string) => search(services, viewer, { query: words, mode: 'KEYWORD', limit: DEPTH });
    const hits = await find(query);
    if (hits.length > 0) return hits.map(placeOf);
    const meant = await suggestSpelling(services, viewer, query);
    return meant === null ? [] : (await find(meant)).map(placeOf);
  };

async function scoreAll(questions: Question[], ask: Ask): Promise<Score[]> {
  const scores: Score[] = [];
  for (const question of questions) scores.push(scoreOf(question, await ask(question.query)));
  return scores;
}

function printScores(questions: Question[], searches: Record<string, Score[]>): void {
  const kinds = [...new Set(questions.map(({ kind }) => kind))];
  const row = (name: string, belongs: (question: Question) => boolean) => [
    name,
    String(questions.filter(belongs).length),
    ...Object.values(searches).flatMap((scores) => {
      const { recall, reciprocalRank } = meanOf(
        scores.filter((_, index) => {
          const question = questions[index];
          return question !== undefined && belongs(question);
        }),
      );
      return [recall.toFixed(2), reciprocalRank.toFixed(2)];
    }),
  ];
  printTable(
    [
      'kind of question',
      'questions',
      ...Object.keys(searches).flatMap((name) => [`${name} recall@${DEPTH}`, 'MRR']),
    ],
    [...kinds.map((kind) => row(kind, (question) => question.kind === kind)), row('all', () => true)],
  );
}
