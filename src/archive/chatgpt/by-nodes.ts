/**
 * A long conversation is a `mapping` of many nodes, which as values take several times the memory of their bytes. Here only
 * the rest of it is parsed at once, with a number in the place of each node, and a node when somebody looks at it.
 */
import { endOfString, nearEndOfString } from '../slices/strings.ts';
import { isObject, type JsonObject, lazyObject } from '../values/json.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const MAPPING = 'mapping';
/** Of an object; more, of which a real conversation has none, would take more memory here than as values. */
const MAX_MEMBERS = 200_000;

/** Where a member of an object stands in the bytes: its key, with the quotes, and its value. */
interface Member {
  keyFrom: number;
  keyTo: number;
  from: number;
  to: number;
}

/** Answers some of the bytes that were set aside, or throws. */
export type ReadRange = (from: number, to: number) => Buffer;

/** What was set aside cannot be read any more, which says nothing of the conversation. */
export class LostBytesError extends Error {
  constructor(options: ErrorOptions) {
    super('What was set aside of a large conversation cannot be read.', options);
    this.name = 'LostBytesError';
  }
}

/**
 * Takes the bytes of a large conversation when all of them have been looked at, to where they take no memory. Nobody looks at
 * them afterwards.
 */
export type SetAside = (bytes: Buffer) => ReadRange;

export const keepInMemory: SetAside = (bytes) => (from, to) => bytes.subarray(from, to);

/**
 * What JSON.parse would answer, but that each node of `mapping` is parsed anew whenever it is read. Null when that cannot be
 * done or gains nothing: the bytes are not valid JSON, hold no object with a `mapping` of nodes, hold too many of them, or
 * are a single node for more than half. Without `setAside`, and after null, `bytes` must stay as they are. Reading a node
 * throws a LostBytesError when its bytes are not there any more.
 */
export function parseByNodes(bytes: Buffer, setAside: SetAside = keepInMemory): JsonObject | null {
  const members = membersOf(bytes, 0);
  // A key in escapes may say anything, also `mapping`.
  if (!members || members.some(({ keyFrom, keyTo }) => bytes.subarray(keyFrom, keyTo).includes(BACKSLASH)))
    return null;

  const nodes: Member[] = [];
  let skeleton = '';
  let done = 0;
  for (const { keyFrom, keyTo, from } of members) {
    const isMapping = bytes.toString('latin1', keyFrom + 1, keyTo - 1) === MAPPING;
    if (!isMapping || bytes[from] !== OPEN_OBJECT) continue;
    const inside = membersOf(bytes, from);
    if (!inside) return null;
    for (const node of inside) {
      if (node.to - node.from > bytes.length / 2) return null;
      skeleton += `${bytes.toString('utf8', done, node.from)}${nodes.length}`;
      done = node.to;
      nodes.push(node);
    }
    if (nodes.length > MAX_MEMBERS) return null;
  }
  if (nodes.length === 0) return null;
  skeleton += bytes.toString('utf8', done);

  let value: unknown;
  try {
    value = JSON.parse(skeleton);
    // Also those that a later node of the same key takes the place of.
    for (const { from, to } of nodes) JSON.parse(bytes.toString('utf8', from, to));
  } catch {
    return null;
  }
  if (!isObject(value) || !isObject(value.mapping)) return null;
  const read = setAside(bytes);
  value.mapping = lazyObject(value.mapping, (index) => {
    const { from, to } = nodes[index as number] as Member;
    return JSON.parse(textOf(read, from, to));
  });
  return value;
}

function textOf(read: ReadRange, from: number, to: number): string {
  try {
    return read(from, to).toString('utf8');
  } catch (cause) {
    throw new LostBytesError({ cause });
  }
}

/**
 * The members of the object that begins at `from`, or null when no object does or it does not end. Looks at brackets,
 * quotes, colons and commas alone: whether all that is JSON, the parser has to tell.
 */
function membersOf(bytes: Buffer, from: number): Member[] | null {
  let at = behindBlanks(bytes, from);
  if (bytes[at] !== OPEN_OBJECT) return null;
  const members: Member[] = [];
  do {
    at = behindBlanks(bytes, at + 1);
    if (bytes[at] === CLOSE_OBJECT && members.length === 0) return members;
    if (bytes[at] !== QUOTE) return null;
    const keyFrom = at;
    const keyTo = endOfValue(bytes, at);
    at = behindBlanks(bytes, keyTo);
    if (bytes[at] !== COLON) return null;
    const from = behindBlanks(bytes, at + 1);
    const to = endOfValue(bytes, from);
    if (members.push({ keyFrom, keyTo, from, to }) > MAX_MEMBERS) return null;
    at = behindBlanks(bytes, to);
  } while (bytes[at] === COMMA);
  return bytes[at] === CLOSE_OBJECT ? members : null;
}

function behindBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (isBlank(bytes[at])) at += 1;
  return at;
}

const isBlank = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Behind the value that begins at `from`; the end of the bytes when it does not end. */
function endOfValue(bytes: Buffer, from: number): number {
  let at = from;
  let depth = 0;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfQuoted(bytes, at + 1);
      if (depth === 0) return at;
      continue;
    }
    const closes = byte === CLOSE_OBJECT || byte === CLOSE_ARRAY;
    // A number or word ends before what stands behind it.
    if (depth === 0 && (closes || byte === COMMA || isBlank(byte))) return at;
    at += 1;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    else if (closes) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return at;
}

/** `from` lies behind the opening quote. */
function endOfQuoted(bytes: Buffer, from: number): number {
  return nearEndOfString(bytes, from) || endOfString(bytes, from, { open: true, escaped: false });
}
