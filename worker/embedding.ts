import { requireMeaning } from '../src/domain/embedding/availability.ts';
import { cutToTokens, estimateTokens } from '../src/domain/embedding/cut.ts';
import { findDimensions } from '../src/domain/embedding/dimensions.ts';
import {
  countWithoutVector,
  type PendingMessage,
  readWithoutVector,
} from '../src/domain/embedding/pending.ts';
import { countVectors, dropOldIndexes, ensureIndex, writeVectors } from '../src/domain/embedding/write.ts';
import { SemanticSearchUnavailableError, SyncError } from '../src/domain/errors.ts';
import type { EmbeddingModel, Services } from '../src/domain/services.ts';
import type { BackgroundHandler, BackgroundRun } from './background.ts';

/** Messages that are read, reckoned and written together: what a crash costs at most. */
const PAGE_MESSAGES = 256;
const REQUEST_TEXTS = 64;
/** A model takes no more at once than its server has memory for. */
const REQUEST_TOKENS = 16_384;
const REQUESTS_AT_ONCE = 2;

/**
 * Reckons vectors of a user's messages that have none, page by page. What is written is written: a run that was broken off
 * goes on with what is left, from the beginning of the list.
 */
export const embedMessages: BackgroundHandler<'EMBEDDING'> = async (services, run) => {
  try {
    return await embedPending(services, run);
  } catch (error) {
    if (!(error instanceof SemanticSearchUnavailableError) || !error.retryable) throw error;
    throw new SyncError('EMBEDDINGS_UNAVAILABLE', error.message, { retryable: true, cause: error });
  }
};

async function embedPending(services: Services, run: BackgroundRun<'EMBEDDING'>): Promise<object> {
  const { userId } = run.lease;
  const model = requireMeaning(services);
  const space = { model: model.name, dimensions: await findDimensions(model, run.signal) };
  const total = await countWithoutVector(services, userId, space);
  const before = await countVectors(services, userId, space);
  const sum = { embedded: 0, skipped: 0 };
  run.report({ done: 0, total });
  let after: PendingMessage | null = null;
  let isComplete = false;
  while (!isComplete) {
    run.signal.throwIfAborted();
    const page: PendingMessage[] = await readWithoutVector(services, userId, space, {
      after,
      limit: PAGE_MESSAGES,
      characters: model.contextTokens * 3,
    });
    if (page.length === 0) {
      // What an import brought meanwhile may stand before what was read last.
      isComplete = after === null;
      after = null;
      continue;
    }
    const vectors = await embedPage(model, page, run);
    const reckoned = page.map((message, index) => {
      const vector = vectors[index] ?? null;
      return { message, vector: vector?.length === space.dimensions ? vector : null };
    });
    await writeVectors(services, userId, space, reckoned);
    const embedded = reckoned.filter(({ vector }) => vector !== null).length;
    sum.embedded += embedded;
    sum.skipped += page.length - embedded;
    await ensureIndex(services, userId, space, before + sum.embedded);
    await run.keep({});
    const done = sum.embedded + sum.skipped;
    run.report({ done, total: Math.max(total, done) });
    after = page.at(-1) ?? null;
  }
  await dropOldIndexes(services, userId, space);
  return { ...sum, ...space };
}

/** The vectors of a page, in its order. */
async function embedPage(
  model: EmbeddingModel,
  page: PendingMessage[],
  { signal }: BackgroundRun<'EMBEDDING'>,
): Promise<(number[] | null)[]> {
  const vectors: (number[] | null)[] = page.map(() => null);
  const requests = batchesOf(page.map(({ text }) => cutToTokens(text, model.contextTokens)));
  for (let at = 0; at < requests.length; at += REQUESTS_AT_ONCE) {
    await Promise.all(
      requests.slice(at, at + REQUESTS_AT_ONCE).map(async (request) => {
        const answers = await model.embed(
          request.map(({ text }) => text),
          signal,
        );
        for (const [index, { place }] of request.entries()) vectors[place] = answers[index] ?? null;
      }),
    );
  }
  return vectors;
}

interface PlacedText {
  text: string;
  /** In the page. */
  place: number;
}

/** Blank texts are left out. */
function batchesOf(texts: string[]): PlacedText[][] {
  const batches: PlacedText[][] = [];
  let tokens = 0;
  for (const [place, text] of texts.entries()) {
    if (text.trim() === '') continue;
    const last = batches.at(-1);
    tokens += estimateTokens(text);
    if (last && last.length < REQUEST_TEXTS && tokens <= REQUEST_TOKENS) last.push({ text, place });
    else {
      batches.push([{ text, place }]);
      tokens = estimateTokens(text);
    }
  }
  return batches;
}
