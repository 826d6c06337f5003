import type { Container, ContainerEntry } from './container.ts';
import {
  baseNameOf,
  innerFolderOf,
  isAttachedFile,
  isCodeFile,
  isInnerZip,
  isPortalFile,
  shardNumber,
} from './entry-names.ts';

/** Files that operating systems add to archives. */
export function isJunk(entry: ContainerEntry): boolean {
  return entry.baseName.startsWith('._') || entry.name.split('/').includes('__MACOSX');
}

/** No conversations, whatever it is called. */
function isLeftOut(entry: ContainerEntry): boolean {
  return isJunk(entry) || isPortalFile(entry.name);
}

/** Among the files that the user attached, or the code interpreter had: what it says is no part of the export. */
export const isUserFile = ({ name }: ContainerEntry): boolean => isCodeFile(name) || isAttachedFile(name);

/**
 * The files of conversations of each container, the single one first and the numbered ones in the order of their
 * numbers. Files of the user's count only when there are no others, and never where the Privacy Portal packed them: users
 * attach old exports, and a zip of attachments is not looked into either.
 */
export function findShards<C extends Pick<Container, 'entries'>>(
  containers: readonly C[],
): Map<C, ContainerEntry[]> {
  const all = containers.map((container) => [container, shardsOf(container.entries)] as const);
  const counting = new Set(preferOwn(all.flatMap(([, entries]) => entries)));
  return new Map(
    all.map(([container, entries]) => [container, entries.filter((entry) => counting.has(entry))]),
  );
}

/** Without files of the user's, unless there are no others. */
function preferOwn<E extends ContainerEntry>(entries: E[]): E[] {
  const withoutCode = entries.filter(({ name }) => !isCodeFile(name));
  const left = withoutCode.length > 0 ? withoutCode : entries;
  const own = left.filter(({ name }) => !isAttachedFile(name));
  return own.length > 0 ? own : left;
}

function shardsOf(entries: readonly ContainerEntry[]): ContainerEntry[] {
  const shards = entries.flatMap((entry) => {
    const number = shardNumber(entry.baseName);
    return number === null || isLeftOut(entry) ? [] : [{ entry, number }];
  });
  shards.sort((a, b) => a.number - b.number || compareText(a.entry.name, b.entry.name));
  return shards.map((shard) => shard.entry);
}

/**
 * The zips of conversations in a container of the Privacy Portal, in the order of their parts; see findShards. None
 * where `shards`, the container's own, say that it is no portal.
 */
export function findInnerZips<E extends ContainerEntry>(
  entries: readonly E[],
  shards: readonly ContainerEntry[],
): E[] {
  const zips = entries.filter((entry) => isInnerZip(entry.baseName) && !isLeftOut(entry));
  const left = shards.every(isUserFile) ? preferOwn(zips) : notUnpacked(zips, shards);
  return left.sort((a, b) => compareParts(a.name, b.name));
}

/** People unpack some zips and keep others. One that is unpacked is not read twice, and what was in it is attached. */
function notUnpacked<E extends ContainerEntry>(zips: readonly E[], shards: readonly ContainerEntry[]): E[] {
  const folders = new Set(shards.map(({ name }) => innerFolderOf(name) ?? ''));
  if (folders.has('')) return [];
  const unpacked = new Set([...folders].map((folder) => `${baseNameOf(folder)}.zip`.toLowerCase()));
  const isKept = (zip: E) =>
    !unpacked.has(zip.baseName.toLowerCase()) && !folders.has(innerFolderOf(zip.name) ?? '');
  return zips.filter((zip) => !isUserFile(zip) && isKept(zip));
}

/** The folders into which zips of conversations were unpacked. `others` are conversations, too: see findShards. */
export function findInnerFolders(
  entries: readonly ContainerEntry[],
  others: readonly ContainerEntry[],
): string[] {
  const inside = entries.filter((entry) => innerFolderOf(entry.name) !== null && !isLeftOut(entry));
  const counting = new Set(preferOwn([...others, ...inside]));
  const folders = inside.flatMap((entry) => (counting.has(entry) ? (innerFolderOf(entry.name) ?? []) : []));
  return [...new Set(folders)];
}

/** Names of the portal's parts, by their numbers. */
export function compareParts(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true }) || compareText(a, b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
