/**
 * The only door from the rules to the world. Three places assemble it: src/services.ts for the API and the worker,
 * and test/support for the tests, which use the same drivers on private databases.
 */
import type { Readable } from 'node:stream';
import type { KeptVersion, MergedVersions, VersionHead } from '../archive/types.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import type { JobName, JobPayload } from '../jobs/jobs.ts';
import type { EncodedRows } from './import/binary-rows.ts';
import type { PreparedConversation, RawConversations } from './import/prepare.ts';
import type { NewMessages, UnindexedMessages } from './import/terms.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Replicas } from './reading.ts';
import type { ChatModel, EmbeddingModel, VectorSupport } from './services/models.ts';

export type * from './services/models.ts';

export interface Services {
  prisma: PrismaClient;
  database: Database;
  /** Null when there are none. */
  replicas: Replicas | null;
  queue: Queue;
  events: Events;
  secrets: Secrets;
  downloads: Downloads;
  workspace: Workspace;
  files: Files;
  ingest: IngestRoot;
  /** The folder whose exports are imported by themselves. */
  watched: IngestRoot;
  limits: Limits;
  streams: OpenStreams;
  reader: ConversationReader;
  threads: Threads;
  sessions: SessionLimits;
  /** Addresses or domains of those who may come in beside the owner; null lets everybody in. */
  allowedEmails: string[] | null;
  /** Null when no model is configured. */
  chat: ChatModel | null;
  /** Null when none is configured. */
  embeddings: EmbeddingModel | null;
  vectors: VectorSupport;
  metrics: Metrics;
  logger: Logger;
}

/** How long a browser stays signed in. */
export interface SessionLimits {
  /** From the sign-in on, however much it is used. */
  lifetimeMs: number;
  /** Since it was last used. */
  idleMs: number;
}

/** PostgreSQL where Prisma is not enough: bulk loads and search. */
export interface Database {
  /**
   * Rows of one statement. One that is asked all the time has a `name`, under which each connection keeps its plan: always
   * the same text, and one whose best plan does not hang on its values.
   */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
    name?: string,
  ): Promise<Row[]>;
  /** Runs `work` in one transaction on one connection; rolls back when it throws. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
}

export interface Transaction {
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Rows affected by a statement. */
  execute(text: string, values?: unknown[]): Promise<number>;
  /** Feeds `COPY table (columns) FROM STDIN (FORMAT binary)` with chunks in its binary row format. */
  copy(statement: string, chunks: Iterable<Uint8Array>): Promise<number>;
  /** All that `COPY (query) TO STDOUT (FORMAT binary)` gives, in a buffer of its own. Such a statement has no parameters. */
  copyOut(statement: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** The job queue. Enqueue only after the commit of the row that the job is about. */
export interface Queue {
  /** Adds a job unless one with this id already waits or runs. `jobId` holds no colon. */
  enqueue<N extends JobName>(name: N, payload: JobPayload<N>, jobId: string): Promise<void>;
  /** Removes a job that has not begun; answers whether it did. */
  remove(jobId: string): Promise<boolean>;
  /** Whether the job still waits or runs. */
  isAlive(jobId: string): Promise<boolean>;
  /** Adds a job every `everyMs` from `nextAt` on, in place of what stood under this id. `schedulerId` holds no colon. */
  schedule<N extends JobName>(
    name: N,
    payload: JobPayload<N>,
    schedulerId: string,
    recurrence: Recurrence,
  ): Promise<void>;
  /** Null when nothing stands under this id. */
  scheduled(schedulerId: string): Promise<Recurrence | null>;
  /** Takes back what stands under this id, with its waiting job. */
  unschedule(schedulerId: string): Promise<void>;
  /** Rejects when the queue does not answer or could lose jobs. */
  ping(): Promise<void>;
}

/** When a job comes again. */
export interface Recurrence {
  everyMs: number;
  nextAt: Date;
}

/** Every pub/sub channel and its payload. An event is a nudge: the row that it names is the truth. */
export interface EventMap {
  /** Per user; a task of theirs changed. */
  syncTask: { taskId: string; seq: number };
  /** Per task; a worker that runs it must stop. */
  syncCancel: { taskId: string };
  /** The same two for work that is no sync. */
  backgroundTask: { taskId: string; seq: number };
  backgroundCancel: { taskId: string };
  /** Per user; a session or API key of theirs was ended, so that what stays open must look whether its own still counts. */
  credentialEnded: { userId: string };
  /** For all; somebody searches, whom work that nobody waits for should leave room. */
  searching: Record<string, never>;
}

export type EventName = keyof EventMap;

export interface Events {
  /** At most once; a listener that was not connected hears nothing. `key` narrows the channel (a user's or task's id). */
  publish<E extends EventName>(event: E, key: string, payload: EventMap[E]): Promise<void>;
  /**
   * Resolves when the server has confirmed the subscription, with the function that ends it. `listener` gets null after
   * a connection was lost and made again: events may have been missed, so read the row.
   */
  listen<E extends EventName>(
    event: E,
    key: string,
    listener: (payload: EventMap[E] | null) => void,
  ): Promise<() => Promise<void>>;
}

/** Seals what must not stand in the database in clear (export URLs). */
export interface Secrets {
  seal(plain: string, context: string): Uint8Array;
  /** Throws a SyncError `SECRET_UNREADABLE` when the key has changed. */
  open(sealed: Uint8Array, context: string): string;
}

export interface DownloadProgress {
  bytesDone: number;
  /** Null when the server does not say. */
  bytesTotal: number | null;
}

/** What a server said about the version of a file; either may be missing. */
export interface FileVersion {
  etag: string | null;
  lastModified: string | null;
}

export interface Download extends FileVersion {
  /** 0 when not modified. */
  bytes: number;
  /** Hexadecimal; empty when not modified. */
  sha256: string;
  /** The server says that the file is still the `known` one: nothing was written. */
  notModified: boolean;
}

export interface Downloads {
  /** Throws an InvalidInputError for a URL that can never be fetched; does no I/O. */
  check(url: string): void;
  /**
   * Fetches `url` into `path`, which appears only when it is whole. Throws a SyncError whose message never holds the
   * URL, and the signal's reason when it aborts.
   */
  fetch(
    url: string,
    path: string,
    options: {
      signal: AbortSignal;
      onProgress: (progress: DownloadProgress) => void;
      /** The version that the caller already has. */
      known?: FileVersion;
    },
  ): Promise<Download>;
}

/** The local folder in which archives are worked on. */
export interface Workspace {
  /** The path for a task's archive; its folder exists. */
  archivePath(taskId: string): string;
  /** Writes a task's archive, which appears only when it is whole. Throws a TooLargeError or a NoSpaceError. */
  saveArchive(taskId: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Beside which files may be opened whose names go at once; on the same file system as the archives. */
  scratchPath: string;
  /** Where resumable uploads grow; on the same file system as the archives. */
  uploadsPath: string;
  /** Makes a finished upload a task's archive. */
  adoptArchive(taskId: string, path: string): Promise<void>;
  removeArchive(taskId: string): Promise<void>;
  /** Removes what a user has begun to upload. */
  removeUploads(userId: string): Promise<void>;
  /** Removes archives older than an hour that `isNeeded` denies, and what crashes have left for more than a day. */
  sweep(isNeeded: (taskId: string) => Promise<boolean>): Promise<void>;
}

/** What the rules ask of the formats; src/archive/versions.ts is the one implementation. */
export interface ConversationReader {
  /** A conversation's versions in the order in which they are merged. */
  inOrder<Version extends VersionHead>(versions: readonly Version[]): Version[];
  /** The same without those that add nothing to the others. */
  pickUncovered<Version extends VersionHead>(versions: readonly Version[]): Version[];
  /**
   * One conversation out of several forms of it, whatever their order; stops before it reads one, and gives it, and between
   * what takes long, and gives null.
   */
  merge<Version extends KeptVersion>(versions: readonly Version[]): Generator<Version | null, MergedVersions>;
}

/** Work that would hold up everything else, on other threads of this process; they begin with it and end when idle. */
export interface Threads {
  /** Begins a thread when there is none, so that the work that is about to come finds it ready. */
  warm(): void;
  /** Hands `bytes` over: for the caller they are gone. Throws an OutOfMemoryError. */
  prepare(conversations: RawConversations): Promise<PreparedConversation[]>;
  /** Rows of `message_search`. Hands `copied` over: for the caller it is gone. Throws an OutOfMemoryError. */
  analyze(messages: UnindexedMessages): Promise<EncodedRows>;
  /** The same from what was sent to the database. Hands `rows` over. Throws an OutOfMemoryError. */
  analyzeSent(rows: NewMessages): Promise<EncodedRows>;
}

/** The folder of this server from which exports may be read in place. */
export interface IngestRoot {
  /**
   * The real path of a zip or folder below the root. Throws a NotAllowedError outside of it, through a symbolic link as
   * well, or when no root is configured, and a NotFoundError.
   */
  resolve(path: string): Promise<string>;
}

/** Where the content of attachments lies, once for each user and content. */
export interface Files {
  /**
   * Streams content in; the same content again changes nothing. `beforeKept` hears of it when it is whole and not yet
   * there; when that throws, nothing is kept.
   */
  put(
    userId: string,
    content: AsyncIterable<Uint8Array>,
    beforeKept?: (file: StoredFile) => Promise<void>,
  ): Promise<StoredFile>;
  has(userId: string, sha256: Uint8Array): Promise<boolean>;
  /** Bytes `start` to `end`, both included; all of them without a range. Throws a NotFoundError. */
  read(userId: string, sha256: Uint8Array, range?: { start: number; end: number }): Promise<Readable>;
  remove(userId: string, sha256: Uint8Array): Promise<void>;
  /** Everything of a user. */
  removeAll(userId: string): Promise<void>;
}

export interface StoredFile {
  sha256: Uint8Array;
  sizeBytes: number;
}

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}
