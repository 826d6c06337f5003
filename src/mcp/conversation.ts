import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import {
  type ConversationOrder,
  conversationCursor,
  listConversations,
} from '../domain/conversation/list.ts';
import { answer, NOTICE, readOnly, type ToolContext } from './answer.ts';
import { findDocument, type Part, readMessagePage } from './messages.ts';
import { after, conversationShape, messageIdOf, nextCursor, notice, showConversation } from './shapes.ts';

const MAX_MESSAGES = 50;
const MAX_CONVERSATIONS = 50;

const fetchInput = z.strictObject({
  id: z.string().describe('Of a conversation, or of a message, shortly before which it then begins.'),
  path: z
    .enum(['active', 'all'])
    .default('active')
    .describe('What the provider’s own page shows, or every branch, parents before children.'),
  first: z
    .int()
    .min(1)
    .max(MAX_MESSAGES)
    .default(20)
    .describe('Messages of one page; long ones make it shorter.'),
  after: after.describe(
    '`next_cursor` of the page before; goes on in the same branch, whatever `path` says.',
  ),
});

const messageShape = z.object({
  id: z.string(),
  parent_id: z.string().nullable(),
  role: z.string(),
  kind: z.enum(['VISIBLE', 'TOOL', 'REASONING', 'HIDDEN']).describe('Whether a reader is to see it.'),
  model: z.string().nullable(),
  created_at: z.string().nullable(),
  on_active_path: z.boolean(),
  alternatives: z.int().describe('Messages at this place in all branches, itself included.'),
  text: z.string(),
  text_offset: z.int().describe('Where in the whole text `text` begins.'),
  text_length: z.int().describe('Of the whole text; the rest is on the next page.'),
});

const fetchOutput = z.object({
  notice,
  conversation: conversationShape,
  messages: z.array(messageShape).describe('In reading order.'),
  next_cursor: nextCursor,
});

export function addFetchConversation(server: McpServer, context: ToolContext): void {
  server.registerTool(
    'fetch_conversation',
    {
      title: 'Read a conversation',
      description: 'The messages of one of the user’s stored conversations, page by page.',
      inputSchema: fetchInput,
      outputSchema: fetchOutput,
      annotations: readOnly,
    },
    (asked) => answer(context, () => fetchConversation(context, asked)),
  );
}

async function fetchConversation(
  context: ToolContext,
  { id, path, ...page }: z.output<typeof fetchInput>,
): Promise<z.infer<typeof fetchOutput>> {
  const document = await findDocument(context, id);
  const { parts, next } = await readMessagePage(context, document, {
    ...page,
    path: path === 'all' ? 'ALL' : 'ACTIVE',
  });
  return {
    notice: NOTICE,
    conversation: showConversation(context, document.conversation),
    messages: parts.map(showPart),
    next_cursor: next,
  };
}

function showPart({ message, offset, text }: Part): z.infer<typeof messageShape> {
  const { conversationId, parentNodeId } = message;
  return {
    id: messageIdOf(message),
    parent_id: parentNodeId === null ? null : messageIdOf({ conversationId, nodeId: parentNodeId }),
    role: message.role,
    kind: message.kind,
    model: message.model,
    created_at: message.createdAt?.toISOString() ?? null,
    on_active_path: message.onActivePath,
    alternatives: message.siblingCount,
    text,
    text_offset: offset,
    text_length: message.text.length,
  };
}

const listInput = z.strictObject({
  first: z.int().min(1).max(MAX_CONVERSATIONS).default(20).describe('Conversations of one page.'),
  after,
});

const listOutput = z.object({
  notice,
  conversations: z.array(conversationShape).describe('The one that changed last comes first.'),
  next_cursor: nextCursor,
});

const newestFirst: ConversationOrder = { field: 'UPDATED_AT', direction: 'DESC' };

export function addListRecent(server: McpServer, context: ToolContext): void {
  server.registerTool(
    'list_recent',
    {
      title: 'List recent conversations',
      description: 'The user’s stored conversations, those that changed last first.',
      inputSchema: listInput,
      outputSchema: listOutput,
      annotations: readOnly,
    },
    (asked) => answer(context, () => listRecent(context, asked)),
  );
}

async function listRecent(
  context: ToolContext,
  { first, after: cursor }: z.output<typeof listInput>,
): Promise<z.infer<typeof listOutput>> {
  const { services, viewer } = context;
  // One more tells whether there is another page.
  const page = { limit: first + 1, after: cursor, inverted: false };
  const found = await listConversations(services, viewer, {}, newestFirst, page);
  const conversations = found.slice(0, first);
  const last = conversations.at(-1);
  return {
    notice: NOTICE,
    conversations: conversations.map((each) => showConversation(context, each)),
    next_cursor: last && found.length > first ? conversationCursor(newestFirst, last) : null,
  };
}
