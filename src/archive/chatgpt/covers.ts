/**
 * When a form of a conversation adds nothing to the next one: each rule here answers one of merge.ts, and says yes only
 * where that rule comes to the same with and without the older form, whatever was merged before.
 */
import { asArray, asObject, isObject, isSameJson, type JsonObject } from '../values/json.ts';
import { areObjectsOverlaid, isOverlaid } from '../values/overlay.ts';

export function coversChatGpt(older: JsonObject, newer: JsonObject): boolean {
  const [before, after] = [asObject(older.mapping), asObject(newer.mapping)];
  const current = newer.current_node;
  return (
    typeof current === 'string' &&
    Object.hasOwn(after, current) &&
    isOverlaid(older, newer, new Map(), ['mapping', 'current_node']) &&
    Object.keys(before).every((id) => {
      if (!Object.hasOwn(after, id)) return false;
      const [node, next] = [asObject(before[id]), asObject(after[id])];
      return (
        isSameParent(node.parent, next.parent, before, after) &&
        beginsWith(next.children, node.children) &&
        coversMessage(node.message, next.message)
      );
    })
  );
}

/** What a parent means depends on which nodes are there: one that only the newer form has means less in the older. */
function isSameParent(older: unknown, newer: unknown, before: JsonObject, after: JsonObject): boolean {
  if (typeof older === 'string') {
    return older === newer && (Object.hasOwn(before, older) || !Object.hasOwn(after, older));
  }
  return typeof newer === 'string' || older === undefined || older === newer;
}

/** The union of children keeps the order in which they first appear. */
function beginsWith(children: unknown, first: unknown): boolean {
  const all = [...new Set(asArray(children))];
  return [...new Set(asArray(first))].every((child, index) => child === all[index]);
}

const messageCoverers = new Map<string, (older: unknown, newer: unknown) => boolean>([
  ['author', areObjectsOverlaid],
  ['metadata', areObjectsOverlaid],
  ['content', isSameJson],
]);

function coversMessage(older: unknown, newer: unknown): boolean {
  if (!isObject(older)) return true;
  return (
    isObject(newer) &&
    isOverlaid(older, newer, messageCoverers) &&
    isSameJson(attachmentsOf(older), attachmentsOf(newer))
  );
}

const attachmentsOf = (message: JsonObject) => asArray(asObject(message.metadata).attachments);
