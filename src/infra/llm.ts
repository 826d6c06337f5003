import OpenAI from 'openai';
import { Stream } from 'openai/streaming';
import type { ChatConfig } from '../config.ts';
import type { ChatEnd, ChatMessage, ChatModel, Logger } from '../domain/services.ts';
import { openModelClient } from './llm/client.ts';
import { brokenOff, failureOf, HAS_NO_LIST, timedOut } from './llm/failures.ts';
import { openTokenCounter } from './llm/tokens.ts';
import { watchForEnd } from './llm/watch-for-end.ts';

/** The server of a model is asked no more often than this whether it is there, however often a probe asks us. */
const CHECK_EVERY_MS = 10_000;
const CHECK_TIMEOUT_MS = 5_000;

const ends: Record<string, ChatEnd> = { length: 'LENGTH', content_filter: 'FILTERED' };

/** A model behind any server that speaks OpenAI's chat completions, streamed. Nothing is sent before it is asked. */
export function openChatModel(config: ChatConfig, logger: Logger): ChatModel {
  // Who waits is told at once, and how long the server wants to be left alone.
  const client = openModelClient(config, { maxRetries: 0 });

  let checked: { atMs: number; result: Promise<void> } | null = null;
  const check = async () => {
    try {
      await client.models.list({ timeout: CHECK_TIMEOUT_MS });
    } catch (error) {
      if (error instanceof OpenAI.APIError && HAS_NO_LIST.has(error.status ?? 0)) return;
      throw failureOf(error, logger);
    }
  };
  return {
    name: config.model,
    contextTokens: config.contextTokens,
    tokenCounter: openTokenCounter,
    async check() {
      if (!checked || performance.now() - checked.atMs > CHECK_EVERY_MS) {
        checked = { atMs: performance.now(), result: check() };
      }
      await checked.result;
    },
    answer: (prompt, signal) => streamAnswer(client, config, prompt, signal, logger),
  };
}

async function* streamAnswer(
  client: OpenAI,
  config: ChatConfig,
  messages: ChatMessage[],
  signal: AbortSignal,
  logger: Logger,
): AsyncGenerator<string, ChatEnd> {
  signal.throwIfAborted();
  const request = new AbortController();
  const options = {
    signal: AbortSignal.any([signal, request.signal]),
    timeout: config.firstTokenTimeoutMs * 2,
  };
  try {
    const response = await within(
      config.firstTokenTimeoutMs,
      client.chat.completions.create({ model: config.model, messages, stream: true }, options).asResponse(),
    );
    const { watched, isComplete } = watchForEnd(response);
    const stream = Stream.fromSSEResponse<OpenAI.ChatCompletionChunk>(watched, request, client);
    const chunks = stream[Symbol.asyncIterator]();
    let patienceMs = config.firstTokenTimeoutMs;
    let end: ChatEnd | null = null;
    for (;;) {
      const { value: chunk, done } = await within(patienceMs, chunks.next()).catch((error) => {
        // It has said why it ends: nothing is missing.
        if (end !== null && !signal.aborted) return { done: true as const, value: undefined };
        throw error;
      });
      if (done) break;
      // Some servers tell of their filters in chunks without a choice, or in a choice without a piece of the answer.
      const choice = chunk.choices?.[0];
      if (choice?.finish_reason) end = ends[choice.finish_reason] ?? 'DONE';
      // Thoughts come in fields of other names: they show that it is at work, and are no part of the answer.
      if (Object.entries(choice?.delta ?? {}).some(([name, value]) => name !== 'role' && value)) {
        patienceMs = config.nextTokenTimeoutMs;
      }
      const text = textOf(choice?.delta?.content);
      if (text !== '') yield text;
    }
    // The client ends a stream quietly both when it is taken back and when its connection closes early.
    signal.throwIfAborted();
    if (end === null && !isComplete()) throw brokenOff();
    return end ?? 'DONE';
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error, logger);
  } finally {
    request.abort();
  }
}

/** Some servers send a list of parts, in which thoughts are of another type. Throws a ChatUnavailableError on what is no text. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content)) throw brokenOff();
  return content
    .map((part) => (part?.type === 'text' && typeof part.text === 'string' ? part.text : ''))
    .join('');
}

/** What the promise gives. Throws a ChatUnavailableError when that takes longer; the promise is left to its own end. */
async function within<T>(patienceMs: number, promise: PromiseLike<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(timedOut()), patienceMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
