import type { ArchiveConversation, Provider } from './types.ts';
import type { JsonObject } from './values/json.ts';

/** All that a provider's format needs; a new one is one more file and one line in the list of conversation.ts. */
export interface ProviderReader {
  provider: Provider;
  /** Whether a conversation is of this provider, by what it holds. */
  matches(value: JsonObject): boolean;
  /** The provider's id, or a stable stand-in, and when it was last changed. */
  identify(value: JsonObject): { externalId: string; updatedAtMs: number | null };
  /** Never throws for odd content; an empty conversation has no messages. */
  read(value: JsonObject): ArchiveConversation;
  /**
   * One value that holds what both versions hold, which is again a version. `sparing`, what is large of it is made whenever it is
   * read, out of both, and takes no memory.
   */
  merge(older: JsonObject, newer: JsonObject, sparing?: boolean): JsonObject;
  /**
   * Whether `older` adds nothing right before `newer`: with any version or merge `m`, merge(merge(m, older), newer) reads
   * as merge(m, newer) does and goes on merging in the same way, and merge(older, newer) as `newer`. Says no when in doubt.
   */
  covers(older: JsonObject, newer: JsonObject): boolean;
}
