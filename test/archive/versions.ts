import { createHash } from 'node:crypto';
import { readConversation } from '../../src/archive/conversation.ts';
import type { ArchiveConversation, KeptVersion, MergedVersions } from '../../src/archive/types.ts';
import { mergeVersions } from '../../src/archive/versions.ts';
import { bytesOf } from './builders.ts';

/** A version as the database keeps it. */
export const keep = (bytes: Buffer): KeptVersion => {
  const result = readConversation(bytes);
  return {
    sha256: createHash('sha256').update(bytes).digest(),
    damaged: false,
    sizeBytes: bytes.length,
    updatedAtMs: result.kind === 'conversation' ? result.conversation.asOfMs : null,
    coveredBy: null,
    read: () => bytes,
  };
};
/** One conversation out of its forms. */
export const merge = (...versions: unknown[]): ArchiveConversation =>
  mergeKept(versions.map((version) => keep(bytesOf(version))));

export const mergeKept = (versions: KeptVersion[]): ArchiveConversation => mergeWhole(versions).conversation;

/** With what covers each; from `largeBytes` on as large ones are merged. */
export function mergeWhole(versions: readonly KeptVersion[], largeBytes?: number): MergedVersions {
  const steps = mergeVersions(versions, { largeBytes });
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
