/** What the rules ask of language and embedding models, and of the database that keeps vectors. */

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Why a model stopped: it was done, its limit of length was reached, or its server held the rest back. */
export type ChatEnd = 'DONE' | 'LENGTH' | 'FILTERED';

/** A language model on a server of the operator's choice. It is given text alone, no tools. */
export interface ChatModel {
  /** As its server calls it. */
  name: string;
  /** Tokens of its window, prompt and answer together. */
  contextTokens: number;
  /**
   * The answer piece by piece as it comes, then why it ended. Throws a ChatUnavailableError, and the signal's reason when
   * it aborts; either way, and when the caller stops reading, the request is taken back.
   */
  answer(prompt: ChatMessage[], signal: AbortSignal): AsyncGenerator<string, ChatEnd>;
  /** Counts the tokens of a text, within a tenth or so for a model of another family. */
  tokenCounter(): Promise<(text: string) => number>;
  /** Throws a ChatUnavailableError when the server does not answer. Asks it every few seconds at most. */
  check(): Promise<void>;
}

/** A model of what texts mean, on a server of the operator's choice: texts of a like meaning get like vectors. */
export interface EmbeddingModel {
  /** As its server calls it. */
  name: string;
  /** Tokens of its window. */
  contextTokens: number;
  /**
   * A vector of length 1 for each text, all of as many dimensions; null for a text of which the model makes none. Throws a
   * SemanticSearchUnavailableError, and the signal's reason when it aborts.
   */
  embed(texts: string[], signal: AbortSignal): Promise<(number[] | null)[]>;
  /**
   * The same for one text that somebody waits for: gives up after seconds, remembers the last ones, and does not ask a
   * server that has just failed.
   */
  embedQuery(text: string): Promise<number[] | null>;
}

/**
 * Whether the database keeps vectors, as was seen when Sidecar started: pgvector is not there, is older than 0.7, or could
 * not be set up.
 */
export type VectorSupport = 'READY' | 'MISSING' | 'TOO_OLD' | 'REFUSED';
