import type { VersionHead } from '../../archive/types.ts';
import type { Services, Transaction } from '../services.ts';
import { findVersions } from './versions.ts';

/** Versions are read again to merge a new one, so that they bound how long a worker takes. In bytes of JSON. */
export const MAX_MERGED_BYTES = 1024 ** 3;

type NewVersion = Omit<VersionHead, 'coveredBy' | 'damaged'>;

/** What merging conversations would read, while new versions of them come one after the other. */
export interface MergeSizes {
  /** Bytes of JSON that are read to merge a conversation with one more version; of all versions, where that is not too much. */
  sizeWith(conversationId: string, version: NewVersion): Promise<number>;
  /** From now on this version is one of the conversation's. */
  add(conversationId: string, version: NewVersion): void;
}

/**
 * `storedBytes` are those of all versions that are stored, by conversation. Only where these would be too many it is
 * looked which of them are read: one that is covered is, too, when another comes between it and the one that covers it.
 */
export function createMergeSizes(
  services: Services,
  tx: Transaction,
  userId: string,
  storedBytes: Map<string, number>,
): MergeSizes {
  const stored = new Map<string, VersionHead[]>();
  const added = new Map<string, VersionHead[]>();
  const findStored = async (id: string): Promise<VersionHead[]> => {
    const found = stored.get(id) ?? (await findVersions(tx, userId, [id])).get(id) ?? [];
    stored.set(id, found);
    return found;
  };
  return {
    async sizeWith(id, version) {
      const news = [...(added.get(id) ?? []), headOf(version)];
      const bytes = (storedBytes.get(id) ?? 0) + sumOf(news);
      if (bytes <= MAX_MERGED_BYTES) return bytes;
      return sumOf(services.reader.pickUncovered([...(await findStored(id)), ...news]));
    },
    add(id, version) {
      added.set(id, [...(added.get(id) ?? []), headOf(version)]);
    },
  };
}

const headOf = ({ sha256, updatedAtMs, sizeBytes }: NewVersion): VersionHead => ({
  sha256,
  updatedAtMs,
  sizeBytes,
  coveredBy: null,
  damaged: false,
});

const sumOf = (versions: VersionHead[]) => versions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
