import OpenAI from 'openai';
import { ChatUnavailableError } from '../../domain/errors.ts';
import type { Logger } from '../../domain/services.ts';

/** A server that answers so to a question for its models is there all the same. */
export const HAS_NO_LIST = new Set([404, 405, 501]);

const LONGEST_RETRY_SECONDS = 86_400;

export const timedOut = () =>
  new ChatUnavailableError('TIMED_OUT', 'The model took too long. Try again in a while.');

export const brokenOff = () =>
  new ChatUnavailableError('BROKEN_OFF', 'The answer of the model broke off. Ask again.');

/**
 * What a client may know of a failed request: neither the server's address nor its own words, which may quote the key or
 * the prompt. The log gets no more than status and code.
 */
export function failureOf(error: unknown, logger: Logger): ChatUnavailableError {
  if (error instanceof ChatUnavailableError) return error;
  const failure = describe(error);
  const { status, code, type } = error instanceof OpenAI.APIError ? error : {};
  logger.warn({ reason: failure.reason, status, code, type }, 'the model did not answer');
  return failure;
}

function describe(error: unknown): ChatUnavailableError {
  if (error instanceof OpenAI.APIConnectionTimeoutError) return timedOut();
  if (error instanceof OpenAI.APIConnectionError) {
    return new ChatUnavailableError(
      'UNREACHABLE',
      'The model’s server cannot be reached. Try again in a while; an operator looks at CHAT_BASE_URL.',
    );
  }
  if (!(error instanceof OpenAI.APIError) || error.status === undefined) return brokenOff();
  const retryAfter = readRetryAfter(error.headers);
  if (error.status === 429) {
    const when = retryAfter === null ? 'in a while' : `in ${retryAfter} s`;
    return new ChatUnavailableError('RATE_LIMITED', `The model has too many requests. Try again ${when}.`, {
      retryAfter,
    });
  }
  return new ChatUnavailableError('REFUSED', adviceFor(error.status), { retryAfter });
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403) {
    return 'The model’s server refuses this server’s key. An operator looks at CHAT_API_KEY.';
  }
  if (status === 404) {
    return 'The model’s server does not know the model. An operator looks at CHAT_MODEL and CHAT_BASE_URL.';
  }
  if (status < 500) {
    return `The model refused the request (status ${status}). It may be longer than its window: an operator looks at CHAT_CONTEXT_TOKENS.`;
  }
  return `The model’s server failed (status ${status}). Try again in a while.`;
}

/** Seconds or a date, as RFC 9110, section 10.2.3 has it. */
function readRetryAfter(headers: Headers | undefined): number | null {
  const value = headers?.get('retry-after');
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000;
  if (Number.isNaN(seconds)) return null;
  return Math.min(Math.max(1, Math.ceil(seconds)), LONGEST_RETRY_SECONDS);
}
