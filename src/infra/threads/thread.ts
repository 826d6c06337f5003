/** The module that a thread loads; each function is one kind of work. */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { readConversation } from '../../archive/conversation.ts';
import type { EncodedRows } from '../../domain/import/binary-rows.ts';
import {
  type PreparedConversation,
  partsOf,
  prepareConversations,
  type RawConversations,
} from '../../domain/import/prepare.ts';
import type { SentRows } from '../../domain/import/rows.ts';
import { encodeTerms, encodeTermsOfSent, type UnindexedMessages } from '../../domain/import/terms.ts';
import { analyze as analyzeText } from '../../text/analyze.ts';

/** Nothing but that this module is loaded. */
export function warm() {}

export function prepare(conversations: RawConversations) {
  const prepared = prepareConversations(readConversation, conversations);
  return moving(prepared, buffersOf(prepared));
}

export const analyze = (messages: Pick<UnindexedMessages, 'copied'>) =>
  movingRows(encodeTerms(analyzeText, messages));

export const analyzeSent = (rows: SentRows) => movingRows(encodeTermsOfSent(analyzeText, rows));

function movingRows(rows: EncodedRows) {
  const { buffer } = rows.bytes;
  // A few rows lie in a buffer that Node shares out.
  return buffer.byteLength === rows.bytes.length ? moving(rows, [buffer]) : rows;
}

/** Most of the binary parts lie in one. */
function buffersOf(prepared: PreparedConversation[]): ArrayBufferLike[] {
  const parts = prepared.flatMap((each) => (each.kind === 'conversation' ? partsOf(each) : []));
  return [...new Set(parts.map(({ buffer }) => buffer))];
}

/** Hands the buffers of an answer over instead of copying them. */
const moving = (value: object, buffers: ArrayBufferLike[]) =>
  move({ [valueSymbol]: value, [transferableSymbol]: buffers });
