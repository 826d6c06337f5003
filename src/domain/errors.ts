/** All that an edge knows about failure. Anything that is not a DomainError is masked and logged. */
export type ErrorCode =
  | 'NOT_SIGNED_IN'
  | 'NOT_ALLOWED'
  | 'NOT_FOUND'
  | 'INVALID_INPUT'
  | 'NO_EXPORT_URL'
  | 'CONFLICT'
  | 'TOO_LARGE'
  | 'NO_SPACE'
  | 'TOO_MANY_REQUESTS'
  | 'UNAVAILABLE'
  | 'CHAT_UNAVAILABLE'
  | 'SEMANTIC_SEARCH_UNAVAILABLE';

export interface FieldError {
  /** Where in the input, from the outside in. */
  path: (string | number)[];
  message: string;
  /** Stable, such as `too_small`. */
  type: string;
}

export class DomainError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DomainError';
    this.code = code;
  }
}

export class NotSignedInError extends DomainError {
  constructor() {
    super('NOT_SIGNED_IN', 'Sign in, or send an API key in the X-API-Key header.');
  }
}

export class NotAllowedError extends DomainError {
  constructor(message: string) {
    super('NOT_ALLOWED', message);
  }
}

/** Also for what exists but belongs to somebody else: the two must not be told apart. */
export class NotFoundError extends DomainError {
  constructor(what: string) {
    super('NOT_FOUND', `No such ${what}.`);
  }
}

export class InvalidInputError extends DomainError {
  readonly fieldErrors: FieldError[];

  constructor(fieldErrors: FieldError[], code: ErrorCode = 'INVALID_INPUT') {
    super(code, fieldErrors.map((error) => error.message).join(' '));
    this.fieldErrors = fieldErrors;
  }
}

/** A sync was asked for, but neither the call nor the settings say from where. */
export class NoExportUrlError extends InvalidInputError {
  constructor() {
    const message = 'No export URL is given and none is configured.';
    super([{ path: ['exportUrl'], message, type: 'missing' }], 'NO_EXPORT_URL');
  }
}

export class ConflictError extends DomainError {
  /** The task that is in the way. */
  readonly taskId: string;
  readonly taskType: 'SyncTask' | 'BackgroundTask';

  constructor(taskId: string, taskType: ConflictError['taskType'] = 'SyncTask') {
    const what = taskType === 'SyncTask' ? 'A sync of yours' : 'Work of this kind, asked for otherwise,';
    super('CONFLICT', `${what} is already waiting or running; wait for it or cancel it.`);
    this.taskId = taskId;
    this.taskType = taskType;
  }
}

export class TooLargeError extends DomainError {
  constructor(maxBytes: number) {
    super('TOO_LARGE', `The archive is larger than this server takes (${maxBytes} bytes).`);
  }
}

/** What was sent does not fit on the server's disk. */
export class NoSpaceError extends DomainError {
  constructor(options?: ErrorOptions) {
    super(
      'NO_SPACE',
      'The server’s disk is full. Its operator has to make room; then send it again.',
      options,
    );
  }
}

/** Whether a file could not be written because the disk, or the user's part of it, is full. */
export const isDiskFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as { code?: string } | null)?.code ?? '');

/** A rate limit is used up. */
export class TooManyRequestsError extends DomainError {
  /** Whole seconds until it is worth trying again, 1 or more. */
  readonly retryAfter: number;

  constructor(seconds: number, message?: string) {
    const retryAfter = Math.max(1, Math.ceil(seconds));
    super('TOO_MANY_REQUESTS', message ?? `Too many requests: try again in ${retryAfter} s.`);
    this.retryAfter = retryAfter;
  }
}

/** Nobody knows when one of them ends: a client that only waits asks again after a while. */
const STREAM_RETRY_SECONDS = 10;

export class TooManyStreamsError extends TooManyRequestsError {
  constructor(max: number) {
    super(
      STREAM_RETRY_SECONDS,
      `You have ${max} open subscriptions, and more are not allowed: end one that you no longer need.`,
    );
  }
}

export class UnavailableError extends DomainError {
  constructor(message: string, options?: ErrorOptions) {
    super('UNAVAILABLE', message, options);
  }
}

/** Why there is no answer of a model. */
export type ChatFailure =
  | 'NOT_CONFIGURED'
  | 'UNREACHABLE'
  | 'TIMED_OUT'
  | 'RATE_LIMITED'
  | 'REFUSED'
  | 'BROKEN_OFF';

/** No model is configured, or it does not answer. The message holds neither the model's address nor its words. */
export class ChatUnavailableError extends DomainError {
  readonly reason: ChatFailure;
  /** Whole seconds until the model's server wants to be asked again; null when it does not say. */
  readonly retryAfter: number | null;
  /** `session/ordinal` of the turn that failed and can be asked again; null when none was begun. */
  readonly turnId: string | null;

  constructor(
    reason: ChatFailure,
    message: string,
    {
      retryAfter = null,
      turnId = null,
      ...options
    }: ErrorOptions & { retryAfter?: number | null; turnId?: string | null } = {},
  ) {
    super('CHAT_UNAVAILABLE', message, options);
    this.reason = reason;
    this.retryAfter = retryAfter;
    this.turnId = turnId;
  }
}

/** What search by meaning needs: a configured model, pgvector in the database, and the model's answer. */
export type SemanticRequirement = 'MODEL' | 'PGVECTOR' | 'ANSWER';

/** Search by meaning was asked for, and cannot be had. The message holds neither the model's address nor its words. */
export class SemanticSearchUnavailableError extends DomainError {
  readonly missing: SemanticRequirement[];
  /** Whether trying again could help. */
  readonly retryable: boolean;

  constructor(
    missing: SemanticRequirement[],
    message: string,
    { retryable = false, ...options }: ErrorOptions & { retryable?: boolean } = {},
  ) {
    super('SEMANTIC_SEARCH_UNAVAILABLE', message, options);
    this.missing = missing;
    this.retryable = retryable;
  }
}

/**
 * Why a sync could not go on. Not an edge's error: its code and message are written to the task's row for its owner,
 * so neither may hold a URL or a path.
 */
export class SyncError extends Error {
  readonly code: string;
  /** Whether trying again could help. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options?: ErrorOptions & { retryable?: boolean }) {
    super(message, options);
    this.name = 'SyncError';
    this.code = code;
    this.retryable = options?.retryable ?? false;
  }
}
