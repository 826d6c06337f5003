/** What a thread does for the search index: from the text of messages to rows in the form in which they are sent. */
import { createRowWriter, type EncodedRows, eachRow } from './binary-rows.ts';
import { CONVERSATION_COLUMNS, MESSAGE_COLUMNS, type SentRows } from './rows.ts';

/** Messages and titles that are to be found. */
export interface UnindexedMessages {
  /** What COPY gives in its binary format: the columns of `SEARCH_COLUMNS`, with the text in the place of its terms. */
  copied: Uint8Array<ArrayBuffer>;
  /** Whether nothing else is to be done before it. */
  urgent: boolean;
}

/** The same as they were just sent to the database. */
export interface NewMessages extends SentRows {
  /** Whether nothing else is to be done before it. */
  urgent: boolean;
}

/** Answers tsvectors in PostgreSQL's binary format, several for a long text. */
export type Analyze = (text: string) => Uint8Array[];

export const SEARCH_COLUMNS = [
  'user_id',
  'conversation_id',
  'node_id',
  'terms',
  'created_at',
  'role',
  'kind',
  'on_active_path',
];
const TERMS = SEARCH_COLUMNS.indexOf('terms');

const conversationField = (name: string) => CONVERSATION_COLUMNS.indexOf(name);
const messageField = (name: string) => MESSAGE_COLUMNS.indexOf(name);
const MESSAGE = {
  conversation: messageField('conversation_id'),
  onActivePath: messageField('on_active_path'),
  role: messageField('role'),
  kind: messageField('kind'),
  text: messageField('text'),
  createdAt: messageField('created_at'),
};
/** User, conversation and node: the same in both tables, and at the front of both. */
const KEY_FIELDS = 3;

/** The signature and the flags, behind which stands the length of what a later version may add to the header. */
const FLAGS_END = 15;

/**
 * Puts the terms in the place of each text and leaves everything around it as it is. The format is that of the manual,
 * COPY, "Binary Format".
 */
export function encodeTerms(analyze: Analyze, { copied }: Pick<UnindexedMessages, 'copied'>): EncodedRows {
  const bytes = bufferOf(copied);
  const rows = createRowWriter();
  eachRow(bytes, FLAGS_END + 4 + bytes.readInt32BE(FLAGS_END), (at) => {
    const [text = 0, behind = 0] = at.slice(TERMS);
    const before = bytes.subarray((at[0] ?? 0) - 2, text);
    const rest = bytes.subarray(behind, at.at(-1));
    for (const terms of analyze(textOf(bytes.subarray(text, behind)))) {
      rows.append({ bytes: before, rows: 1 });
      rows.bytes(terms);
      rows.append({ bytes: rest, rows: 0 });
    }
  });
  return rows.take();
}

/** The same of what was just sent to the database, without asking it for the text again. */
export function encodeTermsOfSent(analyze: Analyze, { conversations, messages }: SentRows): EncodedRows {
  const rows = createRowWriter();
  const times = new Map<string, Uint8Array>();
  for (const bytes of conversations.map(bufferOf)) {
    eachRow(bytes, 0, (at) => {
      const field = (name: string) => sliceOf(bytes, at, conversationField(name));
      const time = field('created_at');
      times.set(field('id').toString('latin1'), time);
      for (const terms of analyze(textOf(field('title')))) {
        rows.row(SEARCH_COLUMNS.length);
        for (const name of ['user_id', 'id']) rows.encoded(field(name));
        rows.text('');
        rows.bytes(terms);
        rows.encoded(time);
        rows.text('');
        rows.text('VISIBLE');
        rows.bool(true);
      }
    });
  }
  for (const bytes of messages.map(bufferOf)) {
    eachRow(bytes, 0, (at) => {
      const field = (index: number) => sliceOf(bytes, at, index);
      for (const terms of analyze(textOf(field(MESSAGE.text)))) {
        rows.row(SEARCH_COLUMNS.length);
        rows.encoded(bytes.subarray(at[0], at[KEY_FIELDS]));
        rows.bytes(terms);
        const time = field(MESSAGE.createdAt);
        const isKnown = time.readInt32BE(0) >= 0;
        rows.encoded(isKnown ? time : (times.get(field(MESSAGE.conversation).toString('latin1')) ?? time));
        for (const index of [MESSAGE.role, MESSAGE.kind, MESSAGE.onActivePath]) rows.encoded(field(index));
      }
    });
  }
  return rows.take();
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** A field with its length before it. */
const sliceOf = (bytes: Buffer, at: readonly number[], field: number) =>
  bytes.subarray(at[field], at[field + 1]);

const textOf = (field: Buffer) => field.toString('utf8', 4);
