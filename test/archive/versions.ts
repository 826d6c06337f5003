import { createHash } from 'node:crypto';
import { mergeVersions, readConversation } from '../../src/archive/conversation.ts';
import type { ArchiveConversation, KeptVersion } from '../../src/archive/types.ts';
import { bytesOf } from './builders.ts';

/** A version as the database keeps it. */
export const keep = (bytes: Buffer): KeptVersion => {
  const result = readConversation(bytes);
  return {
    sha256: createHash('sha256').update(bytes).digest(),
    updatedAtMs: result.kind === 'conversation' ? result.conversation.updatedAtMs : null,
    read: () => bytes,
  };
};
/** One conversation out of its forms. */
export const merge = (...versions: unknown[]): ArchiveConversation =>
  mergeKept(versions.map((version) => keep(bytesOf(version))));

export function mergeKept(versions: KeptVersion[]): ArchiveConversation {
  const steps = mergeVersions(versions);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
