import type { AssetReference } from '../types.ts';
import { asArray, asBytes, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { asLabel, asName, safeId } from '../values/text.ts';

const none: AssetReference[] = [];

/** Files attached to a message and those that its parts point to, each once, in the order in which they appear. */
export function assetsOf(content: unknown, metadata: JsonObject): AssetReference[] {
  const { attachments } = metadata;
  const { parts, screenshot } = asObject(content);
  const hasParts = Array.isArray(parts) && parts.some(isObject);
  // Most messages end here.
  if (!Array.isArray(attachments) && !hasParts && !isObject(screenshot)) return none;

  const byId = new Map<string, AssetReference>();
  const add = (
    pointer: unknown,
    name: string | null,
    mimeType: string | null,
    sizeBytes: number | null,
  ): void => {
    const externalId = assetIdOf(pointer);
    if (externalId === null) return;
    const known = byId.get(externalId);
    byId.set(externalId, {
      externalId,
      name: known?.name ?? name,
      mimeType: known?.mimeType ?? mimeType,
      sizeBytes: known?.sizeBytes ?? sizeBytes,
    });
  };
  for (const attachment of asArray(attachments)) {
    const { id, name, mime_type, mimeType, size } = asObject(attachment);
    add(id, asName(name), asLabel(mime_type) ?? asLabel(mimeType), asBytes(size));
  }
  for (const part of [...asArray(parts), screenshot]) addPointers(part, add);
  return [...byId.values()];
}

function addPointers(
  part: unknown,
  add: (pointer: unknown, name: null, mimeType: null, sizeBytes: number | null) => void,
): void {
  if (!isObject(part)) return;
  add(part.asset_pointer, null, null, asBytes(part.size_bytes));
  // A voice turn with video nests its tracks.
  const tracks = [
    part.audio_asset_pointer,
    part.video_container_asset_pointer,
    ...asArray(part.frames_asset_pointers),
  ];
  for (const track of tracks) {
    if (isObject(track)) add(track.asset_pointer, null, null, asBytes(track.size_bytes));
    else add(track, null, null, null);
  }
}

/** `file-service://file-abc` and `sediment://file_0123?x#y` are the ids `file-abc` and `file_0123`. */
export function assetIdOf(pointer: unknown): string | null {
  const text = asText(pointer);
  if (text === null) return null;
  const id = text.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').replace(/[?#].*$/s, '');
  return id === '' ? null : safeId(id);
}
