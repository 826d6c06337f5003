import type { ExportContent, ExportConversation, ExportMessage } from './shape.ts';

/** A conversation as exports have it since May 2026: no `children`, two roles, four kinds of content, few keys. */
export interface SlimConversation {
  mapping: Record<string, { id: string; message: SlimMessage | null; parent: string | null }>;
  current_node: string;
  [field: string]: unknown;
}

export type SlimMessage = Pick<ExportMessage, 'author' | 'create_time' | 'id' | 'metadata'> & {
  content: ExportContent;
};

const keptTypes = new Set(['text', 'multimodal_text', 'thoughts', 'reasoning_recap']);
const keptFields = [
  'conversation_id',
  'conversation_template_id',
  'create_time',
  'current_node',
  'default_model_slug',
  'id',
  'is_archived',
  'is_do_not_remember',
  'is_starred',
  'memory_scope',
  'plugin_ids',
  'title',
  'update_time',
  'voice',
] as const;

/** The same conversation from a later export, which holds less of it. Keys are sorted, as there. */
export function toSlim(conversation: ExportConversation): SlimConversation {
  const mapping: SlimConversation['mapping'] = {};
  const keptAncestor = new Map<string, string | null>();
  for (const [id, node] of Object.entries(conversation.mapping)) {
    const parent = node.parent === null ? null : (keptAncestor.get(node.parent) ?? null);
    const isKept = node.message === null || isKeptMessage(node.message);
    keptAncestor.set(id, isKept ? id : parent);
    if (isKept) mapping[id] = { id, message: node.message && slimMessage(node.message), parent };
  }
  const fields = Object.fromEntries(keptFields.map((field) => [field, conversation[field]]));
  const slim = { ...fields, mapping, current_node: conversation.current_node };
  return sortKeys(slim) as SlimConversation;
}

function isKeptMessage({ author, content }: ExportMessage): boolean {
  return (author.role === 'user' || author.role === 'assistant') && keptTypes.has(content.content_type);
}

function slimMessage({ author, content, create_time, id, metadata }: ExportMessage): SlimMessage {
  const { model_slug, attachments } = metadata;
  return { author, content, create_time, id, metadata: { model_slug, attachments } };
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}
