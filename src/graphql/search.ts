import { resolveOffsetConnection } from '@pothos/plugin-relay';
import { type SearchHit, search } from '../domain/search.ts';
import { builder, MAX_PAGE } from './builder.ts';
import { ConversationFilterInput, ConversationType } from './conversation.ts';
import { MessageType } from './message.ts';

export const SearchModeEnum = builder.enumType('SearchMode', {
  description: 'How to look.',
  values: {
    AUTO: { description: 'The best that this server can do.' },
    KEYWORD: { description: 'By words.' },
  },
});

const SearchHitType = builder.objectRef<SearchHit>('SearchHit').implement({
  description: 'A message that matches.',
  fields: (t) => ({
    rank: t.exposeInt('rank', { description: '1 for the best.' }),
    score: t.exposeFloat('score', { description: 'Larger is better; comparable within one query only.' }),
    message: t.field({ type: MessageType, description: 'What matches.', resolve: (hit) => hit.message }),
    conversation: t.field({
      type: ConversationType,
      description: 'Where it was said.',
      resolve: (hit) => hit.conversation,
    }),
    snippet: t.exposeString('snippet', {
      description: 'HTML: the text around the matches, escaped, the matches in <mark>.',
    }),
  }),
});

builder.queryField('search', (t) =>
  t.connection({
    type: SearchHitType,
    description: 'Messages that match a web-style query: "quoted phrases", -exclusions, OR.',
    args: {
      query: t.arg.string({ description: 'What to look for.' }),
      mode: t.arg({ type: SearchModeEnum, defaultValue: 'AUTO', description: 'How to look.' }),
      filter: t.arg({
        type: ConversationFilterInput,
        required: false,
        description: 'In which conversations.',
      }),
    },
    resolve: (_root, args, { services, viewer }) =>
      // The helper asks for one more than the page, to know whether there is another.
      resolveOffsetConnection({ args, defaultSize: 20, maxSize: MAX_PAGE }, ({ limit, offset }) =>
        search(services, viewer, { query: args.query, filter: args.filter, limit, offset }),
      ),
  }),
);
