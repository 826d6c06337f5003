/** The module that a thread loads; each function is one kind of work. */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { keepInMemory, type SetAside } from '../../archive/chatgpt/by-nodes.ts';
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
import { type SetAsideBytes, setBytesAside } from './set-aside.ts';

/** Nothing but that this module is loaded. */
export function warm() {}

/**
 * A conversation that fills its buffer alone, as all large ones do, is beside `scratchPath` while its nodes are read, or in
 * memory when the disk does not take it.
 */
export function prepare({ scratchPath, ...conversations }: RawConversations & { scratchPath: string }) {
  const files: SetAsideBytes[] = [];
  const setAside: SetAside = (bytes) => {
    try {
      const file = setBytesAside(scratchPath, bytes);
      files.push(file);
      return file.read;
    } catch {
      return keepInMemory(bytes);
    }
  };
  try {
    const options = conversations.ends.length === 1 ? { setAside } : {};
    const prepared = prepareConversations((bytes) => readConversation(bytes, options), conversations);
    return moving(prepared, buffersOf(prepared));
  } finally {
    for (const file of files) file.close();
  }
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
