import type { ProviderReader } from './provider.ts';
import { growTree, type TreeNode } from './tree.ts';
import type { ArchiveConversation, ArchiveMessage, AssetReference, MessageKind } from './types.ts';
import { asArray, asBytes, asId, asObject, asText, isObject, type JsonObject } from './values/json.ts';
import { isOverlaid, overlay } from './values/overlay.ts';
import { asLabel, asName, cleanText, isClean, safeId, standInId } from './values/text.ts';
import { toMs } from './values/time.ts';
import { titleOf } from './values/title.ts';

/** What first messages name as their parent. */
const ROOT_ID = '00000000-0000-4000-8000-000000000000';
/** See messageId. */
const PLACE_ID = /^message-\d+$/;
/** Stands in `text` where the page shows a block that the export has in `content`. */
const FILLER = /(?:```\s*)?This block is not supported on your current device yet\.(?:\s*```)?/g;

export const claude: ProviderReader = {
  provider: 'claude',
  matches: (value) => Array.isArray(value.chat_messages),
  identify: identifyClaude,
  read: readClaude,
  merge: mergeClaude,
  covers: coversClaude,
};

function identifyClaude(value: JsonObject): { externalId: string; updatedAtMs: number | null } {
  const id = asId(value.uuid);
  const facts = () => [value.name ?? null, value.created_at ?? null, firstMessageOf(value)];
  return {
    externalId: id === null ? standInId(facts()) : safeId(id),
    updatedAtMs: toMs(value.updated_at) ?? toMs(value.created_at),
  };
}

/**
 * Its id and what it says, for its id alone may be in other conversations, too, where somebody counted them. One that a
 * merge wrote counts as none, so that a merge is the conversation that its forms are.
 */
function firstMessageOf(value: JsonObject): unknown {
  const first = asObject(asArray(value.chat_messages).find(isObject));
  const id = asText(first.uuid);
  const texts = segmentsOf(first, '', '', new Set()).map(({ message }) => message.text);
  const ownId = id === null || PLACE_ID.test(id) ? null : id;
  return [ownId, first.sender ?? null, first.created_at ?? null, texts];
}

/** A message without an id gets one from its place among the others, which a merge writes down. */
function messageId(message: JsonObject, index: number): string {
  return asText(message.uuid) ?? `message-${index}`;
}

/** A run of blocks of one kind: a turn that thinks, calls a tool and then answers becomes three messages in a chain. */
interface Segment {
  node: TreeNode;
  message: Pick<ArchiveMessage, 'role' | 'kind' | 'contentType' | 'text' | 'assets'>;
}

function readClaude(value: JsonObject): ArchiveConversation {
  const { externalId } = identifyClaude(value);
  const segments: Segment[] = [];
  let sanitized = 0;
  /** By the message's id: the end of its chain, to which answers attach. */
  const lastSegment = new Map<string, string>();
  const parents: { segment: Segment; parent: string | null }[] = [];
  const taken = new Set(asArray(value.chat_messages).map((each) => asObject(each).uuid));
  let previous: string | null = null;
  for (const [index, each] of asArray(value.chat_messages).entries()) {
    if (!isObject(each)) continue;
    const id = messageId(each, index);
    if (lastSegment.has(id)) continue;
    const declared: string | null = asText(each.parent_message_uuid) ?? previous;
    // With the conversation's id, for a message without one is known by its position, before and after a merge.
    const owner = `${externalId}/${id}`;
    const chain = segmentsOf(each, id, owner, taken);
    const [first] = chain;
    const last = chain.at(-1);
    if (first === undefined || last === undefined) continue;
    if (chain.some(({ message }) => !isClean(message.text))) sanitized += 1;
    parents.push({ segment: first, parent: declared === ROOT_ID ? null : declared });
    lastSegment.set(id, last.node.id);
    for (const segment of chain) segments.push(segment);
    previous = id;
  }
  for (const { segment, parent } of parents) {
    segment.node.parent = parent === null ? null : (lastSegment.get(parent) ?? parent);
  }

  const current = asText(value.current_leaf_message_uuid);
  const tree = growTree(
    segments.map((segment) => segment.node),
    current === null ? undefined : lastSegment.get(current),
  );
  if (sanitized > 0) {
    const reason = `${sanitized} messages held characters that cannot be stored (NUL or half a surrogate pair).`;
    tree.warnings.push({ code: 'TEXT_SANITIZED', reason });
  }
  const idOf = (index: number | undefined): string | null => {
    const id = index === undefined ? undefined : segments[index]?.node.id;
    return id === undefined ? null : safeId(id);
  };
  const model = asLabel(value.model);
  const messages = tree.order.flatMap((index, ordinal): ArchiveMessage[] => {
    const segment = segments[index];
    if (segment === undefined) return [];
    return [
      {
        ...segment.message,
        text: cleanText(segment.message.text),
        id: safeId(segment.node.id),
        parentId: idOf(tree.messageParent[index]),
        ordinal,
        siblingIndex: tree.siblingIndex[index] ?? 0,
        siblingCount: tree.siblingCount[index] ?? 1,
        onActivePath: tree.onActivePath[index] === 1,
        authorName: null,
        model: segment.message.role === 'assistant' ? model : null,
        createdAtMs: segment.node.timeMs,
      },
    ];
  });
  const times = messages.flatMap((message) => message.createdAtMs ?? []);
  const latestMs = times.reduce<number | null>((a, b) => Math.max(a ?? b, b), null);
  const createdMs = toMs(value.created_at);
  const updatedMs = toMs(value.updated_at);
  return {
    provider: 'claude',
    externalId,
    title: titleOf(value.name, messages),
    model,
    createdAtMs: createdMs ?? updatedMs ?? times.reduce<number | null>((a, b) => Math.min(a ?? b, b), null),
    updatedAtMs: updatedMs ?? createdMs ?? latestMs,
    asOfMs: updatedMs ?? (latestMs === null ? createdMs : Math.max(latestMs, createdMs ?? latestMs)),
    archived: value.is_archived === true,
    starred: value.is_starred === true,
    currentMessageId: idOf(tree.current),
    branchCount: tree.branchCount,
    messages,
    warnings: tree.warnings,
  };
}

/** The message's own id stays with what was said; what came before it in the turn gets `id:0`, `id:1`, ... */
function segmentsOf(raw: JsonObject, id: string, owner: string, taken: ReadonlySet<unknown>): Segment[] {
  const runs: { kind: MessageKind; type: string; texts: string[] }[] = [];
  for (const block of asArray(raw.content)) {
    const { kind, text } = readBlock(asObject(block));
    const type = asLabel(asObject(block).type) ?? 'unknown';
    const run = runs.at(-1);
    if (text === '') continue;
    if (run?.kind === kind) run.texts.push(text);
    else runs.push({ kind, type, texts: [text] });
  }
  const spoken = plainText(raw.content) || plainText(raw.text);
  if (spoken !== '' && !runs.some((run) => run.kind === 'VISIBLE')) {
    runs.push({ kind: 'VISIBLE', type: 'text', texts: [spoken] });
  }
  const extracts = asArray(raw.attachments).flatMap((each) => {
    const { file_name, extracted_content } = asObject(each);
    const content = asText(extracted_content);
    return content === null ? [] : [[asText(file_name), content].filter(Boolean).join('\n')];
  });
  const assets = assetsOf(raw, owner);
  if (runs.length === 0 || (extracts.length > 0 && !runs.some((run) => run.kind === 'VISIBLE'))) {
    runs.push({ kind: extracts.length + assets.length > 0 ? 'VISIBLE' : 'HIDDEN', type: 'text', texts: [] });
  }
  const own = Math.max(
    runs.findLastIndex((run) => run.kind === 'VISIBLE'),
    0,
  );
  const role = raw.sender === 'human' ? 'user' : (asLabel(raw.sender) ?? 'unknown');
  const timeMs = toMs(raw.created_at) ?? toMs(raw.updated_at);
  const ids = runs.map((_run, index) => {
    let derived = index === own ? id : `${id}:${index}`;
    while (index !== own && taken.has(derived)) derived += ':';
    return derived;
  });
  return runs.map((run, index) => {
    const parent = ids[index - 1] ?? null;
    return {
      node: { id: ids[index] ?? id, parent, children: [], hasMessage: true, timeMs },
      message: {
        role,
        kind: run.kind,
        contentType: run.type,
        text: [...run.texts, ...(index === own ? extracts : [])].join('\n\n'),
        assets: index === own ? assets : [],
      },
    };
  });
}

/** What a field without blocks says; hand-made exports have `content` as one, too. */
function plainText(value: unknown): string {
  return (asText(value) ?? '').replace(FILLER, '').trim();
}

function readBlock(block: JsonObject): { kind: MessageKind; text: string } {
  switch (block.type) {
    case 'thinking':
      return { kind: 'REASONING', text: asText(block.thinking) ?? asText(block.text) ?? summariesOf(block) };
    case 'tool_use': {
      const input = isObject(block.input) ? JSON.stringify(block.input) : '';
      return { kind: 'TOOL', text: [asText(block.name), input].filter(Boolean).join('\n') };
    }
    case 'tool_result':
      return { kind: 'TOOL', text: asText(block.content) ?? blockTexts(block.content) };
    default:
      return { kind: 'VISIBLE', text: asText(block.text) ?? asText(block.transcript) ?? '' };
  }
}

/** What is left of thoughts whose own text was not exported. */
function summariesOf(block: JsonObject): string {
  return asArray(block.summaries)
    .flatMap((each) => asText(each) ?? asText(asObject(each).summary) ?? [])
    .join('\n\n');
}

function blockTexts(blocks: unknown): string {
  return asArray(blocks)
    .flatMap((block) => asText(asObject(block).text) ?? [])
    .join('\n');
}

/** Many files are called the same: one without an id of its own gets one from its place in the message `owner`. */
function assetsOf(raw: JsonObject, owner: string): AssetReference[] {
  const byId = new Map<string, AssetReference>();
  const files = asArray(raw.files).map((each, index) => [each, `${owner}/files/${index}`] as const);
  const attachments = asArray(raw.attachments).map(
    (each, index) => [each, `${owner}/attachments/${index}`] as const,
  );
  for (const [each, place] of [...files, ...attachments]) {
    const { id, file_uuid, file_name, file_size, file_type } = asObject(each);
    const externalId = asText(file_uuid) ?? asText(id) ?? (asText(file_name) === null ? null : place);
    if (externalId === null) continue;
    byId.set(safeId(externalId), {
      externalId: safeId(externalId),
      name: asName(file_name),
      mimeType: asLabel(file_type),
      sizeBytes: asBytes(file_size),
    });
  }
  return [...byId.values()];
}

/**
 * Union of the messages by id, in the order in which they first appear; see overlay for who decides. Of those of one id in
 * one form the first counts, as it does where that form is read alone.
 */
function mergeClaude(older: JsonObject, newer: JsonObject): JsonObject {
  const byId = messagesById(older);
  for (const [id, each] of messagesById(newer)) {
    const known = byId.get(id);
    byId.set(id, known === undefined ? each : overlay(known, each));
  }
  const merged = overlay(older, newer);
  merged.chat_messages = [...byId].map(([id, each]) => ({ ...each, uuid: id }));
  return merged;
}

function messagesById(version: JsonObject): Map<string, JsonObject> {
  const byId = new Map<string, JsonObject>();
  for (const [index, each] of asArray(version.chat_messages).entries()) {
    if (!isObject(each)) continue;
    const id = messageId(each, index);
    if (!byId.has(id)) byId.set(id, each);
  }
  return byId;
}

/** Only where the newer begins with the older's messages, so that their order is the same without the older. */
function coversClaude(older: JsonObject, newer: JsonObject): boolean {
  const after = asArray(newer.chat_messages).map(asObject);
  const ids = after.map((message) => asText(message.uuid));
  return (
    !ids.includes(null) &&
    new Set(ids).size === ids.length &&
    isOverlaid(older, newer, new Map(), ['chat_messages']) &&
    asArray(older.chat_messages).every((message, index) => {
      const next = after[index];
      return isObject(message) && next && message.uuid === next.uuid && isOverlaid(message, next);
    })
  );
}
