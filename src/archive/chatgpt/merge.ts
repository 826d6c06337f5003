import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { emptyObject, overlay, overlayObjects } from '../values/overlay.ts';
import { contentText, contentTypeOf } from './content.ts';

/**
 * One value out of versions from the oldest to the newest: the union of their nodes, in which a version without a
 * message, a text or a link never takes away what another has.
 */
export function mergeChatGpt(versions: readonly JsonObject[]): JsonObject {
  const nodes = new Map<string, JsonObject[]>();
  for (const version of versions) {
    const mapping = asObject(version.mapping);
    for (const id of Object.keys(mapping)) {
      const list = nodes.get(id);
      const node = asObject(mapping[id]);
      if (list === undefined) nodes.set(id, [node]);
      else list.push(node);
    }
  }
  const mapping = emptyObject();
  for (const [id, list] of nodes) mapping[id] = mergeNode(list, nodes);

  let merged = emptyObject();
  for (const version of versions) merged = overlay(merged, version);
  merged.mapping = mapping;
  merged.current_node = versions
    .map((version) => version.current_node)
    .findLast((id) => typeof id === 'string' && nodes.has(id));
  return merged;
}

function mergeNode(versions: readonly JsonObject[], nodes: ReadonlyMap<string, unknown>): JsonObject {
  const result = emptyObject();
  let message: JsonObject | null = null;
  const children = new Set<unknown>();
  for (const version of versions) {
    if (isObject(version.message)) {
      message = message === null ? version.message : overlay(message, version.message, messageMergers);
    }
    for (const child of asArray(version.children)) children.add(child);
  }
  const parents = versions.map((version) => version.parent).filter((parent) => typeof parent === 'string');
  const said = versions.some((version) => version.parent === null) ? null : undefined;
  result.message = message;
  result.parent = parents.findLast((parent) => nodes.has(parent)) ?? parents.at(-1) ?? said;
  result.children = [...children];
  return result;
}

const messageMergers = new Map<string, (older: unknown, newer: unknown) => unknown>([
  ['author', overlayObjects],
  ['metadata', overlayObjects],
  ['content', (older, newer) => (contentSays(newer) || !contentSays(older) ? newer : older)],
]);

function contentSays(content: unknown): boolean {
  if (contentText(contentTypeOf(content), content, emptyObject()).trim() !== '') return true;
  return asArray(asObject(content).parts).some(
    (part) => isObject(part) && asText(part.asset_pointer) !== null,
  );
}
