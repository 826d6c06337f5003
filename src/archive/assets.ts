/** Finds the file that a message points to: two naming schemes live side by side, and often the file is not there. */
import { extname } from 'node:path';
import { lookup } from 'mime-types';
import { type Container, type ContainerEntry, readStart } from './container.ts';
import { isJunk } from './shards.ts';
import type { SideFiles } from './side-files.ts';
import { asArray, asObject, asText, isObject } from './values/json.ts';
import { asName, safeId } from './values/text.ts';

export interface AssetEntry {
  container: Container;
  entry: ContainerEntry;
}

export interface ResolvedAsset {
  entry: AssetEntry;
  /** What people called the file, as far as the export knows. */
  name: string | null;
}

export interface AssetIndex {
  /** Null when the export does not hold the file, which is normal: voice expires and images are left out. */
  resolve(externalId: string, conversationExternalId?: string): ResolvedAsset | null;
  read(entry: AssetEntry, signal?: AbortSignal): AsyncIterable<Buffer>;
  /**
   * By the extension of its name, `calledName` being what messages call it, else by the first bytes; a hint that must not
   * decide how a file is served.
   */
  mimeType(asset: ResolvedAsset, calledName: string | null): Promise<string>;
}

const UNKNOWN_TYPE = 'application/octet-stream';
/** What file-type asks for to tell every format that it knows. */
const MAGIC_BYTES = 4100;
/** The id is the shortest prefix: original names may hold dashes, dots, anything. */
const ASSET_ID = /^(?:file-[A-Za-z0-9]+|file_[A-Za-z0-9]+)(?=[-.]|$)/;

interface Located extends AssetEntry {
  rank: number;
}

/** Of containers and the files of conversations in them. */
export async function indexAssets(
  shardsOf: ReadonlyMap<Container, ContainerEntry[]>,
  sideFiles: SideFiles,
): Promise<AssetIndex> {
  const byId = new Map<string, Located[]>();
  const names = new Map<string, string>();
  const all: Located[] = [];
  for (const [container, shards] of shardsOf) {
    addNames(names, await sideFiles.read(container, 'conversation_asset_file_names'));
    addNames(names, await sideFiles.read(container, 'library_files'));
    const roots = new Set(['', ...shards.map(folderOf)]);
    const isSideFile = (entry: ContainerEntry): boolean =>
      roots.has(folderOf(entry)) && /\.json$/i.test(entry.baseName) && !ASSET_ID.test(entry.baseName);
    const own = new Set(shards);
    for (const entry of container.entries) {
      if (isJunk(entry) || own.has(entry) || isSideFile(entry)) continue;
      const located = { container, entry, rank: rankOf(entry) };
      all.push(located);
      for (const id of idsOf(entry.baseName)) {
        const list = byId.get(id);
        if (list === undefined) byId.set(id, [located]);
        else list.push(located);
      }
    }
  }
  for (const list of byId.values()) list.sort(byRank);
  const findByPrefix = indexPrefixes(all);

  return {
    resolve(externalId, conversationExternalId) {
      const list = byId.get(externalId) ?? findByPrefix(externalId);
      const inside = `/${conversationExternalId}/`;
      const own = (located: Located): boolean => `/${located.entry.name}`.includes(inside);
      const best = list.find((located) => located.rank < IN_FOLDER || own(located)) ?? list[0];
      if (best === undefined) return null;
      const name = names.get(externalId) ?? nameOf(best.entry.baseName, externalId);
      return { entry: { container: best.container, entry: best.entry }, name };
    },
    read: ({ container, entry }, signal) => container.read(entry, signal),
    async mimeType({ entry, name }, calledName) {
      for (const file of [calledName ?? '', name ?? '', entry.entry.baseName]) {
        const type = lookup(extname(file));
        if (type !== false && type !== UNKNOWN_TYPE) return type;
      }
      // Seldom needed, and large.
      const { fileTypeFromBuffer } = await import('file-type');
      const type = await fileTypeFromBuffer(await readStart(entry.container, entry.entry, MAGIC_BYTES));
      return type?.mime ?? UNKNOWN_TYPE;
    },
  };
}

const IN_FOLDER = 4;
/** Files of one id: an id that is the beginning of many others is none. */
const MAX_CANDIDATES = 100;

/** Where the same id is looked for first. */
function rankOf(entry: ContainerEntry): number {
  if (entry.baseName.endsWith('.dat')) return 0;
  const folders = entry.name.split('/').slice(0, -1);
  if (folders.includes('dalle-generations')) return 2;
  if (folders.some((folder) => folder.startsWith('user-'))) return 3;
  return folders.some((folder) => folder === 'audio' || folder === 'image' || folder === 'video')
    ? IN_FOLDER
    : 1;
}

/** The ids under which a message may know a file: what its name begins with, its stem, or all of it. */
function idsOf(baseName: string): Set<string> {
  const ids = new Set<string>();
  const known = ASSET_ID.exec(baseName)?.[0];
  if (known !== undefined) ids.add(safeId(known));
  const dot = baseName.lastIndexOf('.');
  if (dot > 0) ids.add(safeId(baseName.slice(0, dot)));
  ids.add(safeId(baseName));
  return ids;
}

/** Ids come in more forms than are known; a file of one is called `<id>-<name>` or `<id>.<extension>` all the same. */
function indexPrefixes(all: readonly Located[]): (id: string) => Located[] {
  // Seldom needed.
  let sorted: Located[] | null = null;
  return (id) => {
    sorted ??= all.toSorted((a, b) => compareNames(a.entry.baseName, b.entry.baseName));
    const found: Located[] = [];
    for (const prefix of [`${id}-`, `${id}.`]) {
      let at = firstFrom(sorted, prefix);
      for (let next = sorted[at]; next?.entry.baseName.startsWith(prefix); next = sorted[at]) {
        if (found.length === MAX_CANDIDATES) return [];
        found.push(next);
        at += 1;
      }
    }
    return found.sort(byRank);
  };
}

/** Where the first name stands that is not below `prefix`. */
function firstFrom(sorted: readonly Located[], prefix: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.entry.baseName ?? '') < prefix) low = middle + 1;
    else high = middle;
  }
  return low;
}

const byRank = (a: Located, b: Located): number => a.rank - b.rank;
const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const folderOf = ({ name, baseName }: ContainerEntry): string => name.slice(0, -baseName.length);

/** `file-abc-cat.png` was called `cat.png`, `file-abc.png` has no name, and any other file is called what it is. */
function nameOf(baseName: string, externalId: string): string | null {
  const id = ASSET_ID.exec(baseName)?.[0] ?? (baseName.startsWith(`${externalId}-`) ? externalId : undefined);
  if (id === undefined) return asName(baseName);
  return baseName.startsWith(`${id}-`) ? asName(baseName.slice(id.length + 1)) : null;
}

/** The map of the export first: what the library says only fills its gaps. */
function addNames(names: Map<string, string>, value: unknown): void {
  const add = (id: string, file: string, replace: boolean): void => {
    const name = asName(file.slice(file.lastIndexOf('/') + 1));
    const key = safeId(id);
    if (name !== null && (replace || !names.has(key))) names.set(key, name);
  };
  if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const file = asText(value[key]);
      if (file !== null) add(key.replace(/\.dat$/, ''), file, true);
    }
  }
  for (const each of asArray(value)) {
    const { file_id, file_name } = asObject(each);
    const [id, file] = [asText(file_id), asText(file_name)];
    if (id !== null && file !== null) add(id, file, false);
  }
}
