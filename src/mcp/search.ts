import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { TooManyRequestsError } from '../domain/errors.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import { suggestSpelling } from '../domain/search/spelling.ts';
import { type SearchHit, searchPage } from '../domain/search.ts';
import { answer, NOTICE, readOnly, type ToolContext } from './answer.ts';
import { after, messageIdOf, nextCursor, notice, titleOf, urlOf } from './shapes.ts';

const MAX_RESULTS = 50;

const time = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

const input = z.strictObject({
  query: z
    .string()
    .describe(
      'Words, "quoted phrases", -exclusions and OR, in at most 1000 characters. Plain words do best.',
    ),
  first: z.int().min(1).max(MAX_RESULTS).default(10).describe('Results of one page.'),
  after,
  provider: z.string().optional().describe('chatgpt or claude.'),
  model: z.string().optional().describe('The model of the message or of its conversation.'),
  role: z.string().optional().describe('Who spoke: user, assistant, system or tool.'),
  created_after: time.optional().describe('Said then or later.'),
  created_before: time.optional().describe('Said before then.'),
  title: z.string().optional().describe('Part of the title of the conversation.'),
  conversation_id: z.string().optional().describe('In one conversation alone.'),
  on_active_path: z
    .boolean()
    .optional()
    .describe('Only what the provider’s own page shows, or only the other branches.'),
  has_attachment: z.boolean().optional().describe('Only messages that point to a file, or only the others.'),
  archived: z.boolean().optional().describe('Only in archived conversations, or only in others.'),
  one_per_conversation: z
    .boolean()
    .optional()
    .describe('Only the best of each conversation; true unless `conversation_id` is given.'),
});

const result = z.object({
  id: z
    .string()
    .describe('Of the message, for `fetch` and `fetch_conversation`, which open shortly before it.'),
  title: z.string().describe('Of the conversation.'),
  url: z.string(),
  text: z.string().describe('HTML: what surrounds the matches, escaped, the matches in <mark>.'),
  conversation_id: z.string(),
  provider: z.string(),
  role: z.string(),
  created_at: z.string().nullable(),
  is_title_match: z.boolean().describe('It is the title that matches.'),
});

const output = z.object({
  notice,
  results: z.array(result).describe('The best first.'),
  total_count: z.int().describe('Of all pages, as far as it was counted.'),
  total_count_capped: z
    .boolean()
    .describe(
      'There are more than were counted, or may be: of small words only the newest messages are read.',
    ),
  next_cursor: nextCursor,
  did_you_mean: z.string().nullable().describe('Another spelling, when its words found nothing.'),
});

/** `query` and `results` are also what ChatGPT's connectors ask of a tool of this name. */
export function addSearch(server: McpServer, context: ToolContext): void {
  server.registerTool(
    'search',
    {
      title: 'Search the conversation history',
      description:
        'Finds messages and titles in the user’s stored conversations with assistants such as ChatGPT and Claude, in all branches.',
      inputSchema: input,
      outputSchema: output,
      annotations: readOnly,
    },
    (asked) => answer(context, () => search(context, asked)),
  );
}

async function search(context: ToolContext, asked: z.output<typeof input>): Promise<z.infer<typeof output>> {
  const { services, viewer } = context;
  const { query, first, after: cursor, conversation_id, one_per_conversation } = asked;
  const { hits, totalCount, isCapped, isMissed } = await searchPage(services, viewer, {
    query,
    filter: {
      provider: asked.provider,
      model: asked.model,
      role: asked.role,
      createdAfter: asked.created_after,
      createdBefore: asked.created_before,
      title: asked.title,
      conversationId: conversation_id && localId('Conversation', conversation_id),
      onActivePath: asked.on_active_path,
      hasAttachment: asked.has_attachment,
      archived: asked.archived,
    },
    onePerConversation: one_per_conversation ?? conversation_id === undefined,
    // One more tells whether there is another page.
    limit: first + 1,
    after: cursor,
  });
  const page = hits.slice(0, first);
  const last = page.at(-1);
  return {
    notice: NOTICE,
    results: page.map((hit) => showHit(context, hit)),
    total_count: totalCount,
    total_count_capped: isCapped,
    next_cursor: last && hits.length > first ? last.cursor : null,
    did_you_mean: isMissed ? await spellingOf(services, viewer, query) : null,
  };
}

/** Without the hint when the search was the last that its user has left for now: what it found is worth more. */
async function spellingOf(...[services, viewer, query]: Parameters<typeof suggestSpelling>) {
  try {
    return await suggestSpelling(services, viewer, query);
  } catch (error) {
    if (error instanceof TooManyRequestsError) return null;
    throw error;
  }
}

function showHit(
  { origin }: ToolContext,
  { message, conversation, snippet, isTitleMatch }: SearchHit,
): z.infer<typeof result> {
  return {
    id: messageIdOf(message),
    title: titleOf(conversation),
    url: urlOf(origin, conversation.id),
    text: snippet,
    conversation_id: encodeId('Conversation', conversation.id),
    provider: conversation.provider,
    role: message.role,
    created_at: message.createdAt?.toISOString() ?? null,
    is_title_match: isTitleMatch,
  };
}
