import type { Container, ContainerEntry } from './container.ts';
import { isCodeFile, isInnerZip, shardNumber } from './entry-names.ts';

/** Files that operating systems add to archives. */
export function isJunk(entry: ContainerEntry): boolean {
  return entry.baseName.startsWith('._') || entry.name.split('/').includes('__MACOSX');
}

/**
 * The files of conversations of each container, the single one first and the numbered ones in the order of their
 * numbers. Files of the code interpreter count only when there are no others.
 */
export function findShards<C extends Pick<Container, 'entries'>>(
  containers: readonly C[],
): Map<C, ContainerEntry[]> {
  const all = containers.map((container) => [container, shardsOf(container.entries)] as const);
  const isOwn = ({ name }: ContainerEntry) => !isCodeFile(name);
  const hasOwn = all.some(([, entries]) => entries.some(isOwn));
  return new Map(all.map(([container, entries]) => [container, hasOwn ? entries.filter(isOwn) : entries]));
}

function shardsOf(entries: readonly ContainerEntry[]): ContainerEntry[] {
  const shards = entries.flatMap((entry) => {
    const number = shardNumber(entry.baseName);
    return number === null || isJunk(entry) ? [] : [{ entry, number }];
  });
  shards.sort((a, b) => a.number - b.number || compareText(a.entry.name, b.entry.name));
  return shards.map((shard) => shard.entry);
}

/** The zips of conversations in a container of the Privacy Portal, in the order of their parts. */
export function findInnerZips<E extends ContainerEntry>(entries: readonly E[]): E[] {
  const zips = entries.filter((entry) => isInnerZip(entry.baseName) && !isJunk(entry));
  return zips.sort(
    (a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }) || compareText(a.name, b.name),
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
