import { growTree, type Tree, type TreeNode } from '../tree.ts';
import type { ArchiveConversation, ArchiveMessage } from '../types.ts';
import { asArray, asId, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { asLabel, cleanText, isClean, safeId, standInId } from '../values/text.ts';
import { toMs } from '../values/time.ts';
import { titleOf } from '../values/title.ts';
import { assetsOf } from './attachments.ts';
import { renderCitations } from './citations.ts';
import { contentText, contentTypeOf } from './content.ts';
import { kindOf } from './kinds.ts';

/** The conversation's id; one without gets a stable one from its title, time and first message. */
export function identifyChatGpt(value: JsonObject): { externalId: string; updatedAtMs: number | null } {
  const id = asId(value.conversation_id) ?? asId(value.id);
  const facts = () => [asText(value.title), toMs(value.create_time), firstMessageOf(value)];
  return {
    externalId: id === null ? standInId(facts()) : safeId(id),
    updatedAtMs: toMs(value.update_time) ?? toMs(value.create_time),
  };
}

/**
 * Of the first message what all forms of a conversation agree on: first in the tree, for the order of keys says nothing, and
 * of those that are shown, for slim exports leave out the others. Its id alone may be in other conversations, too, where
 * somebody counted them. Nor do sources count, which slim exports leave out, too.
 */
function firstMessageOf(value: JsonObject): unknown {
  const mapping = asObject(value.mapping);
  const { ids, timesMs, tree } = growMapping(value);
  let first: unknown = null;
  for (const index of tree.order) {
    const id = ids[index] ?? '';
    const message = asObject(asObject(mapping[id]).message);
    const metadata = { ...asObject(message.metadata), content_references: null, citations: null };
    const { role, kind, text } = readMessage({ ...message, metadata }, null);
    const isShown = kind === 'VISIBLE' && (role === 'user' || role === 'assistant');
    if (isShown || first === null) first = [id, role, timesMs[index] ?? null, text];
    if (isShown) break;
  }
  return first;
}

/** By node, in the order of `mapping`; what only the tree asks for, such as the ids of children, is let go with it. */
function growMapping(value: JsonObject): { ids: string[]; timesMs: (number | null)[]; tree: Tree } {
  const mapping = asObject(value.mapping);
  const nodes = Object.keys(mapping).map((id): TreeNode => {
    const node = asObject(mapping[id]);
    const message = asObject(node.message);
    const { parent } = node;
    return {
      id,
      parent: typeof parent === 'string' ? parent : parent === null ? null : undefined,
      children: asArray(node.children),
      hasMessage: isObject(node.message),
      timeMs: toMs(message.create_time) ?? toMs(message.update_time),
    };
  });
  return {
    ids: nodes.map(({ id }) => id),
    timesMs: nodes.map(({ timeMs }) => timeMs),
    tree: growTree(nodes, value.current_node),
  };
}

/** Reads a conversation of sections named in the export: its `mapping` of nodes becomes messages in reading order. */
export function readChatGpt(value: JsonObject): ArchiveConversation {
  const mapping = asObject(value.mapping);
  const { ids, timesMs, tree } = growMapping(value);
  const defaultModel = asLabel(value.default_model_slug);
  const safeIds = ids.map(safeId);
  const idOf = (index: number | undefined): string | null => safeIds[index ?? -1] ?? null;

  let sanitized = 0;
  let minMs: number | null = null;
  let maxMs: number | null = null;
  const messages: ArchiveMessage[] = [];
  for (const index of tree.order) {
    const id = ids[index];
    const timeMs = timesMs[index] ?? null;
    if (id === undefined) continue;
    // Looked up again, for a node of a large conversation is parsed each time and kept by nobody.
    const said = readMessage(asObject(asObject(mapping[id]).message), defaultModel);
    if (said.sanitized) sanitized += 1;
    if (timeMs !== null) {
      minMs = minMs === null ? timeMs : Math.min(minMs, timeMs);
      maxMs = maxMs === null ? timeMs : Math.max(maxMs, timeMs);
    }
    messages.push({
      id: safeIds[index] ?? id,
      parentId: idOf(tree.messageParent[index]),
      ordinal: messages.length,
      siblingIndex: tree.siblingIndex[index] ?? 0,
      siblingCount: tree.siblingCount[index] ?? 1,
      onActivePath: tree.onActivePath[index] === 1,
      role: said.role,
      authorName: said.authorName,
      kind: said.kind,
      contentType: said.contentType,
      text: said.text,
      model: said.model,
      createdAtMs: timeMs,
      assets: said.assets,
    });
  }
  if (sanitized > 0) {
    const reason = `${sanitized} messages held characters that cannot be stored (NUL or half a surrogate pair).`;
    tree.warnings.push({ code: 'TEXT_SANITIZED', reason });
  }

  const { externalId } = identifyChatGpt(value);
  const createMs = toMs(value.create_time);
  const updateMs = toMs(value.update_time);
  return {
    provider: 'chatgpt',
    externalId,
    title: titleOf(value.title, messages),
    model: defaultModel ?? messages.findLast((message) => message.model !== null)?.model ?? null,
    createdAtMs: createMs ?? updateMs ?? minMs,
    updatedAtMs: updateMs ?? createMs ?? maxMs,
    asOfMs: updateMs ?? (maxMs === null ? createMs : Math.max(maxMs, createMs ?? maxMs)),
    archived: value.is_archived === true,
    starred: value.is_starred === true,
    currentMessageId: idOf(tree.current),
    branchCount: tree.branchCount,
    messages,
    warnings: tree.warnings,
  };
}

type Said = Pick<
  ArchiveMessage,
  'role' | 'authorName' | 'kind' | 'contentType' | 'text' | 'model' | 'assets'
> & {
  sanitized: boolean;
};

function readMessage(raw: JsonObject, defaultModel: string | null): Said {
  const metadata = asObject(raw.metadata);
  const author = asObject(raw.author);
  const role = asLabel(author.role) ?? asLabel(raw.role) ?? 'unknown';
  const contentType = contentTypeOf(raw.content);
  const said = contentText(contentType, raw.content, metadata);
  const clean = isClean(said);
  const body = clean ? said : cleanText(said);
  const rendered = renderCitations(body, role, metadata);
  // What the links brought in has not been looked at yet.
  const text = rendered === body ? body : cleanText(rendered);
  const assets = assetsOf(raw.content, metadata);
  const model = asLabel(metadata.model_slug) ?? asLabel(metadata.resolved_model_slug);
  return {
    role,
    authorName: asLabel(author.name),
    kind: kindOf({
      role,
      contentType,
      recipient: raw.recipient,
      channel: raw.channel,
      visuallyHidden: metadata.is_visually_hidden_from_conversation === true,
      writtenByUser: metadata.is_user_system_message === true,
      empty: assets.length === 0 && text.trim() === '',
    }),
    contentType: asLabel(contentType) ?? 'unknown',
    text,
    // The default of the conversation speaks for answers only.
    model: model ?? (role === 'assistant' ? defaultModel : null),
    assets,
    sanitized: !clean,
  };
}
