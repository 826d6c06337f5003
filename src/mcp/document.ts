import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { encodeId } from '../domain/global-id.ts';
import { answer, NOTICE, readOnly, type ToolContext } from './answer.ts';
import { type Document, findDocument, type Part, readMessagePage } from './messages.ts';
import { messageIdOf, titleOf, urlOf } from './shapes.ts';

/** A bound on text makes it fewer. */
const MESSAGES = 50;

const input = z.strictObject({ id: z.string().describe('Of a result of `search`, or of a conversation.') });

const output = z.object({
  id: z.string(),
  title: z.string(),
  text: z.string().describe('Markdown; what was said stands in block quotes.'),
  url: z.string(),
  metadata: z.object({
    conversation_id: z.string(),
    provider: z.string(),
    model: z.string().optional(),
    created_at: z.string().optional(),
    updated_at: z.string().optional(),
    next_cursor: z
      .string()
      .optional()
      .describe('There is more: `fetch_conversation` with `conversation_id` and this as `after`.'),
  }),
});

/**
 * What ChatGPT's connectors ask of a tool of this name, by
 * https://developers.openai.com/api/docs/mcp (`id`, `title`, `text`, `url`, `metadata`).
 */
export function addFetch(server: McpServer, context: ToolContext): void {
  server.registerTool(
    'fetch',
    {
      title: 'Read a result of a search',
      description:
        'The text of a stored conversation around a message that `search` has found, or from its beginning. `fetch_conversation` reads on.',
      inputSchema: input,
      outputSchema: output,
      annotations: readOnly,
    },
    ({ id }) => answer(context, () => fetchDocument(context, id)),
  );
}

async function fetchDocument(context: ToolContext, id: string): Promise<z.infer<typeof output>> {
  const document = await findDocument(context, id);
  const { parts, next } = await readMessagePage(context, document, { path: 'ACTIVE', first: MESSAGES });
  const { conversation } = document;
  return {
    id,
    title: titleOf(conversation),
    text: [NOTICE, ...parts.filter((part) => isForReading(part, document)).map(quote)].join('\n\n'),
    url: urlOf(context.origin, conversation.id),
    metadata: {
      conversation_id: encodeId('Conversation', conversation.id),
      provider: conversation.provider,
      model: conversation.model ?? undefined,
      created_at: conversation.createdAt?.toISOString(),
      updated_at: conversation.updatedAt?.toISOString(),
      next_cursor: next ?? undefined,
    },
  };
}

/** Tools, thoughts and what the provider hides are left out, unless one of them was asked for. */
const isForReading = ({ message }: Part, { messageId }: Document) =>
  message.kind === 'VISIBLE' || messageIdOf(message) === messageId;

/** Each line of it behind a mark, so that no text can pass itself off as something else than a quotation. */
function quote({ message, offset, text }: Part): string {
  const role = message.role.replaceAll(/\s+/g, ' ').slice(0, 30);
  const time = message.createdAt ? ` · ${message.createdAt.toISOString()}` : '';
  const isCut = offset + text.length < message.text.length;
  const lines = `${offset > 0 ? '…' : ''}${text}${isCut ? '…' : ''}`.split(/\r\n|[\n\r\u0085\u2028\u2029]/);
  return `## ${role}${time}\n\n${lines.map((line) => `> ${line}`).join('\n')}`;
}
