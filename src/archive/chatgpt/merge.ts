import { asArray, asObject, isObject, type JsonObject, lazyObject } from '../values/json.ts';
import { emptyObject, overlay, overlayObjects } from '../values/overlay.ts';
import { isEdited, mergeAttachments, mergeContent } from './merge-content.ts';

/**
 * One value out of two versions: the union of their nodes, in which a version without a message, a text or a link never
 * takes away what the other has.
 */
export function mergeChatGpt(older: JsonObject, newer: JsonObject, sparing = false): JsonObject {
  const [before, after] = [asObject(older.mapping), asObject(newer.mapping)];
  const parentOf = createParentChooser(before, after);
  const mapping = emptyObject();
  // What only the older has comes first: then the order hangs on the newer alone wherever that has all nodes.
  for (const id of Object.keys(before)) if (!Object.hasOwn(after, id)) mapping[id] = null;
  for (const id of Object.keys(after)) mapping[id] = null;
  const nodeOf = (id: string): unknown => {
    if (!Object.hasOwn(after, id)) return before[id];
    return Object.hasOwn(before, id)
      ? mergeNode(asObject(before[id]), asObject(after[id]), parentOf)
      : after[id];
  };
  if (!sparing) for (const id of Object.keys(mapping)) mapping[id] = nodeOf(id);
  const merged = overlay(older, newer);
  merged.mapping = sparing ? lazyObject(mapping, (_, id) => nodeOf(id)) : mapping;
  merged.current_node = [newer.current_node, older.current_node].find(
    (id) => typeof id === 'string' && Object.hasOwn(mapping, id),
  );
  return merged;
}

type ParentChooser = (older: JsonObject, newer: JsonObject) => unknown;

function mergeNode(older: JsonObject, newer: JsonObject, parentOf: ParentChooser): JsonObject {
  const result = emptyObject();
  result.message = mergeMessage(older.message, newer.message);
  result.parent = parentOf(older, newer);
  result.children = [...new Set([...asArray(older.children), ...asArray(newer.children)])];
  return result;
}

/**
 * The newer parent, if it is there. But a slim export hangs what it kept on the nearest ancestor that it kept, too: as
 * long as only nodes that it leaves out lie between, the older parent says the same and more.
 */
function createParentChooser(before: JsonObject, after: JsonObject): ParentChooser {
  /** By node that only `before` has: its nearest ancestor that is in `after`. */
  const kept = new Map<string, string | null>();
  const nearestKept = (start: string): string | null => {
    const walked: string[] = [];
    let at: unknown = start;
    let found: string | null = null;
    while (typeof at === 'string') {
      if (Object.hasOwn(after, at)) {
        found = at;
        break;
      }
      const known = kept.get(at);
      if (known !== undefined) {
        found = known;
        break;
      }
      if (!Object.hasOwn(before, at)) break;
      // Until the walk is over, so that it ends where it meets itself.
      kept.set(at, null);
      walked.push(at);
      at = asObject(before[at]).parent;
    }
    for (const id of walked) kept.set(id, found);
    return found;
  };
  const isThere = (id: string) => Object.hasOwn(before, id) || Object.hasOwn(after, id);
  return (older, newer) => {
    if (typeof newer.parent !== 'string') return older.parent === undefined ? newer.parent : older.parent;
    if (typeof older.parent !== 'string') return newer.parent;
    if (!isThere(newer.parent)) return older.parent;
    return nearestKept(older.parent) === newer.parent ? older.parent : newer.parent;
  };
}

const messageMergers = new Map<string, (older: unknown, newer: unknown) => unknown>([
  ['author', overlayObjects],
  ['metadata', overlayObjects],
  ['content', mergeContent],
]);

function mergeMessage(older: unknown, newer: unknown): JsonObject | null {
  if (!isObject(newer)) return isObject(older) ? older : null;
  if (!isObject(older)) return newer;
  const message = overlay(older, newer, messageMergers);
  const attachments = mergeAttachments(older, newer);
  if (attachments !== null && !isEdited(older.content, newer.content)) {
    message.metadata = { ...asObject(message.metadata), attachments };
  }
  return message;
}
