/**
 * What an export says, in Sidecar's own words. Everything in `archive/` is pure: bytes in, these values out.
 *
 * Glossary
 * - entry: one file in the zip. - shard: one `conversations-NNN.json` of a split export.
 * - slice: the exact bytes of one conversation in a shard.
 * - node: an element of a ChatGPT `mapping`; a node with a message is a message, one without is only a link.
 * - active path: the messages from the root to `current_node`, what the provider's own page shows.
 */

/** Who spoke. Anything that a provider invents beyond the usual four is kept as it is. */
export type Role = 'system' | 'user' | 'assistant' | 'tool' | (string & {});

/** Whether a reader wants to see a message: what was said, a tool's traffic, a model's thoughts, or hidden context. */
export type MessageKind = 'VISIBLE' | 'TOOL' | 'REASONING' | 'HIDDEN';

export interface AssetReference {
  /** The provider's id without scheme, such as `file-abc` or `file_0123…`. */
  externalId: string;
  /** The name people gave the file, where the export has it. */
  name: string | null;
  mimeType: string | null;
  sizeBytes: number | null;
}

export interface ArchiveMessage {
  /** The node's key in its conversation (not unique across conversations). */
  id: string;
  /** The nearest ancestor that holds a message; null at a root. */
  parentId: string | null;
  /** Position in depth-first order, parents before children, 0-based. */
  ordinal: number;
  siblingIndex: number;
  siblingCount: number;
  onActivePath: boolean;
  role: Role;
  authorName: string | null;
  kind: MessageKind;
  contentType: string;
  /** Clean text: no NUL, no lone surrogate, no citation markers. */
  text: string;
  model: string | null;
  /** Milliseconds since the epoch, within the range that PostgreSQL and Date share; null when the export has none. */
  createdAtMs: number | null;
  assets: AssetReference[];
}

export interface ArchiveWarning {
  /** Stable and upper-case, such as `CYCLE_BROKEN`. */
  code: string;
  reason: string;
}

export interface ArchiveConversation {
  provider: Provider;
  externalId: string;
  /** Never empty: the export's title, else the start of the first thing the user said, else `Untitled`. */
  title: string;
  model: string | null;
  createdAtMs: number | null;
  updatedAtMs: number | null;
  /** Of what time this form is: where no update is told, of its newest message, for a conversation grows. */
  asOfMs: number | null;
  archived: boolean;
  starred: boolean;
  /** The end of the active path; null when there is no message. */
  currentMessageId: string | null;
  /** Number of leaf paths. */
  branchCount: number;
  /** In `ordinal` order. */
  messages: ArchiveMessage[];
  /** Things that were mended on the way in. */
  warnings: ArchiveWarning[];
}

/** What is known of a version without reading it: one form in which an export showed a conversation. */
export interface VersionHead {
  /** Of its bytes. */
  sha256: Uint8Array;
  /** It came out of a shard that turned out to be damaged, so that any of it may be wrong. */
  damaged: boolean;
  /** Length of its bytes. */
  sizeBytes: number;
  /** Of what time the form is; `asOfMs` of what was read. */
  updatedAtMs: number | null;
  /** The hash of another version right before which this one adds nothing. */
  coveredBy: Uint8Array | null;
}

/** A version that can be read. */
export interface KeptVersion extends VersionHead {
  read(): Buffer;
}

/** What comes of merging versions. */
export interface MergedVersions {
  conversation: ArchiveConversation;
  /** The versions that were read, in order, with what turned out to cover each. */
  heads: VersionHead[];
}

export type Provider = 'chatgpt' | 'claude';

/** Why bytes could not be understood. `code` is stable, `message` says what to do. */
export class ArchiveError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ArchiveError';
    this.code = code;
  }
}
