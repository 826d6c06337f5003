import { isUtf8 } from 'node:buffer';
import { LostBytesError, parseByNodes, type SetAside } from './chatgpt/by-nodes.ts';
import { chatGpt } from './chatgpt/chatgpt.ts';
import { claude } from './claude.ts';
import type { ProviderReader } from './provider.ts';
import type { ArchiveConversation, ArchiveWarning } from './types.ts';
import { asObject, asText, isObject, type JsonObject } from './values/json.ts';
import { cleanText } from './values/text.ts';

const providers: readonly ProviderReader[] = [claude, chatGpt];

/** What became of one element of an export. One that cannot be read never stops the others. */
export type ReadResult =
  | { kind: 'conversation'; conversation: ArchiveConversation }
  | {
      kind: 'skipped' | 'failed';
      externalId: string | null;
      title: string | null;
      code: string;
      reason: string;
    };

/** From here on memory counts more than the time for parsing each node whenever it is looked at, three times or more. */
export const LARGE_BYTES = 4 * 1024 * 1024;

const notUtf8: ArchiveWarning = {
  code: 'TEXT_NOT_UTF8',
  reason:
    'Its file is not all UTF-8, so characters were lost and \ufffd stands for them. Save the file as UTF-8 and import it again.',
};

export interface ReadOptions {
  /** From how many bytes on nodes are parsed one by one; default 4 MiB. */
  largeBytes?: number;
  /** Where the bytes of a large conversation go while its nodes are read; without, they stay where they are. */
  setAside?: SetAside;
}

/**
 * Reads the bytes of one element. `skipped` has nothing to import (EMPTY, NOT_A_CONVERSATION), `failed` could not be
 * understood (JSON_INVALID, PROVIDER_UNSUPPORTED, READ_FAILED). Throws a LostBytesError when what was set aside is gone.
 */
export function readConversation(
  bytes: Buffer,
  { largeBytes = LARGE_BYTES, setAside }: ReadOptions = {},
): ReadResult {
  // Measured: 16 ns per KB of English, 170 of what is not ASCII; a twentieth of parsing at most.
  const isWhole = isUtf8(bytes);
  let value: unknown;
  try {
    const isLarge = bytes.length >= largeBytes;
    value = (isLarge && parseByNodes(bytes, setAside)) || JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return problem('failed', {}, 'JSON_INVALID', `It is not valid JSON: ${messageOf(error)}`);
  }
  if (!isObject(value)) return problem('skipped', {}, 'NOT_A_CONVERSATION', 'It is not an object.');
  const foreign = foreignProvider(value);
  if (foreign !== null) {
    return problem(
      'failed',
      value,
      'PROVIDER_UNSUPPORTED',
      `It comes from ${foreign}; only ChatGPT and Claude are read.`,
    );
  }
  const provider = providerOf(value);
  if (provider === undefined) {
    return problem(
      'skipped',
      value,
      'NOT_A_CONVERSATION',
      `It holds nothing that a conversation of ChatGPT or Claude has.${describeKeys(value)}`,
    );
  }
  try {
    const conversation = provider.read(value);
    if (conversation.messages.length > 0) {
      if (!isWhole) conversation.warnings.push(notUtf8);
      return { kind: 'conversation', conversation };
    }
    return problem('skipped', value, 'EMPTY', 'It has no messages.', provider);
  } catch (error) {
    if (error instanceof LostBytesError) throw error;
    return problem('failed', value, 'READ_FAILED', `It could not be read: ${messageOf(error)}`, provider);
  }
}

/** Who reads this kind of object; undefined when nobody does. */
export const providerOf = (value: JsonObject): ProviderReader | undefined =>
  providers.find((each) => each.matches(value));

/** Formats that are known well enough to name, from the first node or turn. */
function foreignProvider(value: JsonObject): string | null {
  if (Array.isArray(value.responses) && isObject(value.conversation)) return 'Grok';
  if (!isObject(value.mapping)) return null;
  for (const id of Object.keys(value.mapping)) {
    const message = asObject(asObject(value.mapping[id]).message);
    if ('author' in message) return null;
    if (Array.isArray(message.fragments)) return 'DeepSeek';
  }
  return 'inserted_at' in value ? 'DeepSeek' : null;
}

function problem(
  kind: 'skipped' | 'failed',
  value: JsonObject,
  code: string,
  reason: string,
  provider?: ProviderReader,
): ReadResult {
  const title = asText(value.title) ?? asText(value.name);
  return {
    kind,
    externalId: provider === undefined ? null : externalIdOf(provider, value),
    title: title === null ? null : cleanText(title).slice(0, 200).toWellFormed(),
    code,
    reason: cleanText(reason),
  };
}

/** Null where a stand-in needs what cannot be read. */
function externalIdOf(provider: ProviderReader, value: JsonObject): string | null {
  try {
    return provider.identify(value).externalId;
  } catch (error) {
    if (error instanceof LostBytesError) throw error;
    return null;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const NAMED_KEYS = 5;
const MAX_KEY_LENGTH = 40;

function describeKeys(value: JsonObject): string {
  const keys = Object.keys(value);
  if (keys.length === 0) return '';
  const named = keys.slice(0, NAMED_KEYS).map((key) => cleanText(key.slice(0, MAX_KEY_LENGTH)));
  return ` It has the keys ${named.join(', ')}${keys.length > NAMED_KEYS ? ' and more' : ''}.`;
}
