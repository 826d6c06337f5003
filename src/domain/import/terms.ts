/** What a thread does for the search index: from the text of messages to rows in the form in which they are sent. */
import { createRowWriter, type EncodedRows } from './binary-rows.ts';

/** Messages and titles that are to be found. */
export interface UnindexedMessages {
  /** What COPY gives in its binary format: the columns of `SEARCH_COLUMNS`, with the text in the place of its terms. */
  copied: Uint8Array<ArrayBuffer>;
  /** Whether nothing else is to be done before it. */
  urgent: boolean;
}

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

/** The signature and the flags, behind which stands the length of what a later version may add to the header. */
const FLAGS_END = 15;

/**
 * Puts the terms in the place of each text and leaves everything around it as it is. `analyze` answers tsvectors in
 * PostgreSQL's binary format, several for a long text. The format is that of the manual, COPY, "Binary Format".
 */
export function encodeTerms(
  analyze: (text: string) => Uint8Array[],
  { copied }: Pick<UnindexedMessages, 'copied'>,
): EncodedRows {
  const bytes = Buffer.from(copied.buffer, copied.byteOffset, copied.length);
  const rows = createRowWriter();
  let at = FLAGS_END + 4 + bytes.readInt32BE(FLAGS_END);
  for (;;) {
    const start = at;
    const fields = bytes.readInt16BE(at);
    // The trailer.
    if (fields < 0) return rows.take();
    at += 2;
    let text = { start, end: start };
    for (let field = 0; field < fields; field += 1) {
      const end = at + 4 + Math.max(0, bytes.readInt32BE(at));
      if (field === TERMS) text = { start: at, end };
      at = end;
    }
    const before = { bytes: bytes.subarray(start, text.start), rows: 1 };
    const behind = { bytes: bytes.subarray(text.end, at), rows: 0 };
    for (const terms of analyze(bytes.toString('utf8', text.start + 4, text.end))) {
      rows.append(before);
      rows.bytes(terms);
      rows.append(behind);
    }
  }
}
