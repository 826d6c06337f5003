/**
 * JSON files beside the conversations. They are hints, so only as much of them is read as a real export needs: they
 * are parsed as a whole, and a few packed kilobytes can be gigabytes of empty objects.
 */
import { type Container, type ContainerEntry, readWhole } from './container.ts';
import { isAtPortalRoot, isPortalFile } from './entry-names.ts';
import { isJunk, isUserFile } from './shards.ts';
import { ArchiveError, type ArchiveWarning } from './types.ts';

export type SideFileName = 'export_manifest' | 'conversation_asset_file_names' | 'library_files';

export interface SideFiles {
  /**
   * What the file of this name says that lies nearest to the container's root, one among attached files the last;
   * undefined, and a problem, when it cannot be read.
   */
  read(container: Container, name: SideFileName): Promise<unknown>;
}

/** Of one file: a hundred thousand names. */
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_VALUES = 400_000;
/** Of all files of an export, which may come in many parts. */
const MAX_TOTAL_VALUES = 4_000_000;

/** Farther from the root than any file of its own. */
const FAR = 1e9;

const BRACE = 0x7b;
const BRACKET = 0x5b;
const COMMA = 0x2c;

/** Of containers and the files of conversations in them. Each file that is not used becomes one of `problems`. */
export function createSideFiles(
  shardsOf: ReadonlyMap<Container, ContainerEntry[]>,
  problems: ArchiveWarning[],
): SideFiles {
  let valuesLeft = MAX_TOTAL_VALUES;
  return {
    async read(container, name) {
      const entry = findSideFile(container.entries, shardsOf.get(container) ?? [], name);
      if (entry === undefined) return undefined;
      try {
        const bytes = await readWhole(container, entry, MAX_BYTES, () => tooLarge(`${MAX_BYTES} bytes`));
        const values = countValues(bytes);
        // One that is refused takes no more than its share from the others.
        valuesLeft -= Math.min(values, MAX_VALUES);
        if (values > MAX_VALUES) throw tooLarge(`${MAX_VALUES} values`);
        if (valuesLeft < 0) throw tooLarge(`${MAX_TOTAL_VALUES} values, with those of the other parts`);
        return JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''));
      } catch (error) {
        const why = error instanceof ArchiveError ? error.message : 'it is not valid JSON';
        if (!(error instanceof ArchiveError) && !(error instanceof SyntaxError)) throw error;
        problems.push({ code: 'SIDE_FILE_UNREADABLE', reason: `${entry.baseName} was not used: ${why}` });
        return undefined;
      }
    },
  };
}

/**
 * Other products have files of these names in folders of their own, and downloads get numbers: `x (1).json`. Of files
 * of the user's only those count that came with conversations among them.
 */
function findSideFile(
  entries: readonly ContainerEntry[],
  shards: readonly ContainerEntry[],
  name: SideFileName,
): ContainerEntry | undefined {
  const pattern = new RegExp(`^${name}(?: ?\\(\\d+\\))?\\.json$`, 'i');
  const distance = ({ name, baseName }: ContainerEntry) =>
    (isPortalFile(name) ? FAR : 0) + name.split('/').length * 1_000 + baseName.length;
  const areUserFiles = shards.some(isUserFile);
  let nearest: ContainerEntry | undefined;
  for (const entry of entries) {
    if (!pattern.test(entry.baseName) || isForeign(entry, name)) continue;
    if (isUserFile(entry) && !areUserFiles) continue;
    if (nearest === undefined || distance(entry) < distance(nearest)) nearest = entry;
  }
  return nearest;
}

/** Where the portal packed attached files, it may tell their names; any more was attached itself. */
function isForeign(entry: ContainerEntry, name: SideFileName): boolean {
  if (isJunk(entry)) return true;
  return isPortalFile(entry.name) && (name === 'export_manifest' || !isAtPortalRoot(entry.name));
}

/** Also counts what stands in strings: real files are far from the limit either way. */
function countValues(bytes: Buffer): number {
  let values = 0;
  for (const byte of bytes) if (byte === COMMA || byte === BRACE || byte === BRACKET) values += 1;
  return values;
}

const tooLarge = (most: string) => new ArchiveError('SIDE_FILE_TOO_LARGE', `it holds more than ${most}`);
