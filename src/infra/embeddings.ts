import OpenAI from 'openai';
import type { EmbeddingsConfig } from '../config.ts';
import { cutToTokens } from '../domain/embedding/cut.ts';
import { SemanticSearchUnavailableError } from '../domain/errors.ts';
import type { EmbeddingModel, Logger } from '../domain/services.ts';
import { openModelClient } from './llm/client.ts';

/** A model on a processor takes its time over a full request. */
const BATCH_TIMEOUT_MS = 120_000;
/** Somebody waits for their search. */
const QUERY_TIMEOUT_MS = 5_000;
/** After a failure searches leave the server alone for so long. */
const REST_MS = 10_000;
/** Pages of one search ask for the same again. */
const REMEMBERED_QUERIES = 200;
/** A text that is refused is too long, so that half of it is tried, down to here. */
const MIN_CHARACTERS = 64;

/** Too long, or nothing that the model can read: the fault of the text. */
const REFUSALS = new Set([400, 413, 422]);

/** A model behind any server that speaks OpenAI's embeddings. Nothing is sent before it is asked. */
export function openEmbeddingModel(config: EmbeddingsConfig, logger: Logger): EmbeddingModel {
  const client = openModelClient(config);
  const ask = async (texts: string[], options: OpenAI.RequestOptions): Promise<(number[] | null)[]> => {
    const { data } = await client.embeddings.create(
      // As numbers: not every server knows the client's usual base64.
      { model: config.model, input: texts, encoding_format: 'float' },
      options,
    );
    // A text that was left out would pass for one that means nothing.
    if (data.length !== texts.length) throw new Error('The model of meanings left out some of the texts.');
    const vectors = new Map(data.map(({ index, embedding }) => [index, embedding]));
    // Some servers give every vector the same number, or none: then the order tells.
    const isNumbered = texts.every((_, index) => vectors.has(index));
    return texts.map((_, index) => toUnit(isNumbered ? vectors.get(index) : data[index]?.embedding));
  };

  const embed = async (texts: string[], signal: AbortSignal): Promise<(number[] | null)[]> => {
    try {
      return await ask(texts, { signal, timeout: BATCH_TIMEOUT_MS, maxRetries: 2 });
    } catch (error) {
      signal.throwIfAborted();
      if (!isRefusal(error)) throw failureOf(error, logger);
      return embedSmaller(texts, signal);
    }
  };
  const embedSmaller = async (texts: string[], signal: AbortSignal): Promise<(number[] | null)[]> => {
    if (texts.length > 1) {
      const middle = Math.ceil(texts.length / 2);
      return [
        ...(await embed(texts.slice(0, middle), signal)),
        ...(await embed(texts.slice(middle), signal)),
      ];
    }
    const [text = ''] = texts;
    return text.length < MIN_CHARACTERS ? [null] : embed([halfOf(text)], signal);
  };

  const askForQuery = async (text: string): Promise<number[] | null> => {
    const signal = AbortSignal.timeout(QUERY_TIMEOUT_MS);
    for (let part = cutToTokens(text, config.contextTokens); ; part = halfOf(part)) {
      try {
        const [vector = null] = await ask([part], { signal, maxRetries: 0 });
        return vector;
      } catch (error) {
        if (!isRefusal(error) || part.length < MIN_CHARACTERS) throw error;
      }
    }
  };

  const remembered = new Map<string, number[] | null>();
  let failed: { error: SemanticSearchUnavailableError; untilMs: number } | null = null;
  return {
    name: config.model,
    contextTokens: config.contextTokens,
    embed,
    async embedQuery(text) {
      const known = remembered.get(text);
      if (known !== undefined) return known;
      if (failed && performance.now() < failed.untilMs) throw failed.error;
      try {
        const vector = await askForQuery(text);
        failed = null;
        remembered.set(text, vector);
        if (remembered.size > REMEMBERED_QUERIES) remembered.delete(remembered.keys().next().value ?? '');
        return vector;
      } catch (error) {
        const failure = failureOf(error, logger);
        // One text that is refused says nothing of the next.
        if (!isRefusal(error)) failed = { error: failure, untilMs: performance.now() + REST_MS };
        throw failure;
      }
    },
  };
}

const isRefusal = (error: unknown) => error instanceof OpenAI.APIError && REFUSALS.has(error.status ?? 0);

const halfOf = (text: string) => text.slice(0, text.length / 2).toWellFormed();

/** Of length 1, so that no number is too large for half precision; null for what has no direction. */
function toUnit(vector: number[] | undefined): number[] | null {
  const length = Math.hypot(...(vector ?? []));
  return vector && length > 0 && Number.isFinite(length) ? vector.map((value) => value / length) : null;
}

/** What a client may know: neither the server's address nor its own words, which may quote the key or the text. */
function failureOf(error: unknown, logger: Logger): SemanticSearchUnavailableError {
  const { status, code, type } = error instanceof OpenAI.APIError ? error : {};
  logger.warn({ status, code, type }, 'the model of meanings did not answer');
  const isOperatorsFault = status === 401 || status === 403 || status === 404;
  const message = isOperatorsFault
    ? `The server of the model of meanings refuses (status ${status}): an operator looks at EMBEDDINGS_BASE_URL, EMBEDDINGS_API_KEY and EMBEDDINGS_MODEL. Meanwhile use the mode AUTO or KEYWORD.`
    : isRefusal(error)
      ? `The model of meanings does not take this text (status ${status}). Say it in other words, or use the mode AUTO or KEYWORD.`
      : 'The model of meanings does not answer. Try again in a while, or use the mode AUTO or KEYWORD.';
  return new SemanticSearchUnavailableError(['ANSWER'], message, {
    retryable: !isOperatorsFault && !isRefusal(error),
  });
}
