import type { SearchMode } from '../domain/embedding/find.ts';
import { localId } from '../domain/global-id.ts';
import { suggestSpelling } from '../domain/search/spelling.ts';
import { type SearchHit, type SearchPage, type SearchResult, searchPage } from '../domain/search.ts';
import { builder, MAX_PAGE } from './builder.ts';
import { resolvePage } from './connection.ts';
import { ConversationType } from './conversation.ts';
import { MessageKindEnum, MessageType } from './message.ts';

export const SearchModeEnum = builder.enumType('SearchMode', {
  description: 'How to look.',
  values: {
    AUTO: {
      description: 'HYBRID where this server can, else KEYWORD; behind a cursor, what its list began as.',
    },
    KEYWORD: { description: 'By words.' },
    SEMANTIC: { description: 'By meaning: the nearest messages, whatever their words.' },
    HYBRID: { description: 'By words and by meaning, the two lists made one by rank.' },
  } satisfies Record<SearchMode, { description: string }>,
});

const SearchHitType = builder.objectRef<SearchHit>('SearchHit').implement({
  description: 'A message or a title that matches.',
  fields: (t) => ({
    rank: t.exposeInt('rank', { description: '1 for the best.' }),
    score: t.exposeFloat('score', { description: 'Larger is better; comparable within one query only.' }),
    message: t.field({
      type: MessageType,
      description: 'What matches; for a title the conversation’s first message.',
      resolve: (hit) => hit.message,
    }),
    conversation: t.field({
      type: ConversationType,
      description: 'Where it was said; `messages(around:)` opens it there.',
      resolve: (hit) => hit.conversation,
    }),
    snippet: t.exposeString('snippet', {
      description: 'HTML: the text around the matches, escaped, the matches in <mark>.',
    }),
    isTitleMatch: t.exposeBoolean('isTitleMatch', {
      description: 'The title of the conversation matches, and is the snippet.',
    }),
  }),
});

const SearchFilterInput = builder.inputType('SearchFilter', {
  description: 'Which messages; all conditions must hold.',
  fields: (t) => ({
    provider: t.string({ required: false, description: 'chatgpt or claude.' }),
    model: t.string({ required: false, description: 'The model of the message or of its conversation.' }),
    role: t.string({
      required: false,
      description: 'user, assistant, system, tool, or what the provider calls it.',
    }),
    kind: t.field({ type: [MessageKindEnum], required: false, description: 'Any of these kinds.' }),
    createdAfter: t.field({ type: 'DateTime', required: false, description: 'Said then or later.' }),
    createdBefore: t.field({ type: 'DateTime', required: false, description: 'Said before then.' }),
    onActivePath: t.boolean({
      required: false,
      description: 'Only what the provider’s own page shows, or only the other branches.',
    }),
    hasAttachment: t.boolean({
      required: false,
      description: 'Only messages that point to a file, or only the others.',
    }),
    conversationId: t.id({ required: false, description: 'In one conversation, by its global id.' }),
    externalId: t.string({ required: false, description: 'In one conversation, by the provider’s id.' }),
    title: t.string({ required: false, description: 'Part of the title, whatever its case.' }),
    archived: t.boolean({
      required: false,
      description: 'Only in archived conversations, or only in others.',
    }),
    starred: t.boolean({ required: false, description: 'Only in starred conversations, or only in others.' }),
  }),
});

builder.queryField('search', (t) =>
  t.connection(
    {
      type: SearchHitType,
      description:
        'Messages and titles that match a web-style query: "quoted phrases", -exclusions, OR. Words are found in their other forms as well in texts of 20 languages, in any other as they are written, names of code whole and in part, Chinese, Japanese and Korean by any two characters. A query of small words or signs alone ("to be or not to be", AT&T) is looked for as it is typed, the newest first. Hidden messages come last.',
      args: {
        query: t.arg.string({ description: 'What to look for, in at most 1000 characters.' }),
        mode: t.arg({
          type: SearchModeEnum,
          required: false,
          defaultValue: 'AUTO',
          description: 'How to look.',
        }),
        filter: t.arg({ type: SearchFilterInput, required: false, description: 'Among which messages.' }),
        onePerConversation: t.arg.boolean({
          defaultValue: false,
          description: 'Only the best hit of each conversation.',
        }),
      },
      resolve: async (_root, { query, filter, onePerConversation, mode, ...args }, context) => {
        const { services, viewer } = context;
        const { conversationId, ...conditions } = filter ?? {};
        let about: Omit<SearchResult, 'hits'> = {
          mode: 'KEYWORD',
          totalCount: 0,
          isCapped: false,
          isMissed: true,
        };
        const connection = await resolvePage(
          { args, defaultSize: 20, maxSize: MAX_PAGE, toCursor: (hit) => hit.cursor },
          async (page: SearchPage) => {
            const { hits, ...others } = await searchPage(services, viewer, {
              ...page,
              query,
              mode: mode ?? 'AUTO',
              filter: {
                ...conditions,
                conversationId: conversationId && localId('Conversation', conversationId),
              },
              onePerConversation,
            });
            about = others;
            return hits;
          },
        );
        return { ...connection, ...about, query };
      },
    },
    {
      fields: (connection) => ({
        totalCount: connection.exposeInt('totalCount', { description: 'Hits of all pages, at most 1000.' }),
        totalCountCapped: connection.exposeBoolean('isCapped', {
          description:
            'There are more than were counted, or may be: only the newest 1000 matches are ranked, by meaning the nearest 200, and for small words and signs no more than the newest 50,000 messages are read.',
        }),
        mode: connection.expose('mode', {
          type: SearchModeEnum,
          description: 'How it was looked: what AUTO came to.',
        }),
        didYouMean: connection.string({
          nullable: true,
          description:
            'For a query whose words found nothing: the query with words that stand nowhere put right; null when there is none. Counts as a search.',
          resolve: ({ isMissed, query }, _args, { services, viewer }) =>
            isMissed ? suggestSpelling(services, viewer, query) : null,
        }),
      }),
    },
  ),
);
