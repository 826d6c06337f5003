/** Finds the file that a message points to: two naming schemes live side by side, and often the file is not there. */
import { extname } from 'node:path';
import { lookup } from 'mime-types';
import { type Container, type ContainerEntry, readStart } from './container.ts';
import { findShards, isJunk, readSideFile } from './shards.ts';
import type { ArchiveWarning } from './types.ts';
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
  /** By the extension of the name, else by the first bytes; a hint that must not decide how a file is served. */
  mimeType(asset: ResolvedAsset): Promise<string>;
}

const NAME_MAP = 'conversation_asset_file_names.json';
const LIBRARY = 'library_files.json';
const UNKNOWN_TYPE = 'application/octet-stream';
/** What file-type asks for to tell every format that it knows. */
const MAGIC_BYTES = 4100;
/** The id is the shortest prefix: original names may hold dashes, dots, anything. */
const ASSET_ID = /^(?:file-[A-Za-z0-9]+|file_[A-Za-z0-9]+)(?=[-.]|$)/;

interface Located extends AssetEntry {
  rank: number;
}

export async function indexAssets(
  containers: readonly Container[],
  problems: ArchiveWarning[],
): Promise<AssetIndex> {
  const byId = new Map<string, Located[]>();
  const names = new Map<string, string>();
  for (const container of containers) {
    const shards = new Set(findShards(container.entries));
    for (const entry of container.entries) {
      if (isJunk(entry) || shards.has(entry)) continue;
      if (entry.baseName === NAME_MAP || entry.baseName === LIBRARY) {
        addNames(names, await readSideFile(container, entry, problems));
      }
      for (const id of idsOf(entry.baseName)) {
        const list = byId.get(id);
        const located = { container, entry, rank: rankOf(entry) };
        if (list === undefined) byId.set(id, [located]);
        else list.push(located);
      }
    }
  }
  for (const list of byId.values()) list.sort((a, b) => a.rank - b.rank);

  return {
    resolve(externalId, conversationExternalId) {
      const list = byId.get(externalId) ?? [];
      const inside = `/${conversationExternalId}/`;
      const own = (located: Located): boolean => `/${located.entry.name}`.includes(inside);
      const best = list.find((located) => located.rank < IN_FOLDER || own(located)) ?? list[0];
      if (best === undefined) return null;
      const name = names.get(externalId) ?? nameOf(best.entry.baseName);
      return { entry: { container: best.container, entry: best.entry }, name };
    },
    read: ({ container, entry }, signal) => container.read(entry, signal),
    async mimeType({ entry, name }) {
      for (const file of [name ?? '', entry.entry.baseName]) {
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

/** `file-abc-cat.png` was called `cat.png`, `file-abc.png` has no name, and any other file is called what it is. */
function nameOf(baseName: string): string | null {
  const id = ASSET_ID.exec(baseName)?.[0];
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
