/** What the files beside the conversations tell of those to which messages point. */
import type { Container } from './container.ts';
import type { SideFiles } from './side-files.ts';
import { asArray, asBytes, asObject, asText, isObject } from './values/json.ts';
import { asLabel, asName, safeId } from './values/text.ts';

export interface AssetFacts {
  /** What people called the file. */
  name: string | null;
  mimeType: string | null;
  sizeBytes: number | null;
}

/** Says nothing of a file. */
export const UNKNOWN_TYPE = 'application/octet-stream';

const nothing: AssetFacts = { name: null, mimeType: null, sizeBytes: null };

/** By the id of a file. The map of names comes first: what the library says only fills its gaps. */
export async function readAssetFacts(
  containers: Iterable<Container>,
  sideFiles: SideFiles,
): Promise<(externalId: string) => AssetFacts> {
  const names = new Map<string, string>();
  const library = new Map<string, AssetFacts>();
  for (const container of containers) {
    addNames(names, await sideFiles.read(container, 'conversation_asset_file_names'));
    addLibrary(library, await sideFiles.read(container, 'library_files'));
  }
  return (externalId) => {
    const known = library.get(externalId) ?? nothing;
    return { ...known, name: names.get(externalId) ?? known.name };
  };
}

/** `{ "file-abc.dat": "dalle-generations/cat.png" }` */
function addNames(names: Map<string, string>, value: unknown): void {
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    const name = lastOf(asText(value[key]));
    if (name !== null) names.set(safeId(key.replace(/\.dat$/, '')), name);
  }
}

/** `[{ "file_id": "file-abc", "file_name": "cat.png", "mime_type": "image/png", "file_size_bytes": 5 }]` */
function addLibrary(library: Map<string, AssetFacts>, value: unknown): void {
  for (const each of asArray(value)) {
    const { file_id, file_name, mime_type, file_size_bytes } = asObject(each);
    const id = asText(file_id);
    if (id === null) continue;
    const type = asLabel(mime_type);
    const known = library.get(safeId(id)) ?? nothing;
    library.set(safeId(id), {
      name: known.name ?? lastOf(asText(file_name)),
      mimeType: known.mimeType ?? (type === UNKNOWN_TYPE ? null : type),
      sizeBytes: known.sizeBytes ?? asBytes(file_size_bytes),
    });
  }
}

const lastOf = (path: string | null): string | null => asName(path?.slice(path.lastIndexOf('/') + 1));
