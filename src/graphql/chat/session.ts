import { citationsOf } from '../../domain/chat/citation.ts';
import {
  type ChatSessionPage,
  chatSessionCursor,
  chatSessionKey,
  chatTurnId,
  chatTurnKey,
  countChatSessions,
  countChatTurns,
  deleteChatSession,
  getChatSession,
  getChatTurn,
  listChatSessions,
  listChatTurns,
} from '../../domain/chat/session.ts';
import { stateOf } from '../../domain/chat/turn.ts';
import { ChatUnavailableError, NotFoundError } from '../../domain/errors.ts';
import { localId } from '../../domain/global-id.ts';
import { ChatTurnStatus } from '../../generated/prisma/enums.ts';
import { builder, MAX_PAGE } from '../builder.ts';
import { resolvePage } from '../connection.ts';
import { DEFAULT_PAGE } from '../cost.ts';
import { expectedErrors } from '../errors.ts';
import { ChatCitation, withUse } from './citation.ts';

const ChatTurnStatusEnum = builder.enumType('ChatTurnStatus', {
  description: 'Where a turn of a chat stands.',
  values: {
    ANSWERING: { value: ChatTurnStatus.ANSWERING, description: 'The model is at it.' },
    ANSWERED: { value: ChatTurnStatus.ANSWERED, description: 'There is an answer.' },
    FAILED: { value: ChatTurnStatus.FAILED, description: 'There is none, or a part of one: ask again.' },
  } satisfies Record<keyof typeof ChatTurnStatus, { value: string; description: string }>,
});

const ChatProblem = builder.objectRef<{ code: string; message: string }>('ChatProblem').implement({
  description: 'Why an answer is missing or incomplete.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'Stable, for a program.' }),
    message: t.exposeString('message', { description: 'What happened and what to do, for a person.' }),
  }),
});

export const ChatTurnType = builder.prismaNode('ChatTurn', {
  description: 'A question about the history, and its answer.',
  nullable: true,
  id: { resolve: (turn) => chatTurnId(turn), description: 'Global id.' },
  findUnique: (id, { viewer }) => chatTurnKey(viewer, id),
  fields: (t) => ({
    query: t.exposeString('query', { description: 'The question.' }),
    response: t.exposeString('response', {
      description:
        'The answer in Markdown, with numbers of `context` in brackets; what there is of it when it failed.',
    }),
    status: t.field({
      type: ChatTurnStatusEnum,
      description: 'Where it stands.',
      resolve: (turn) => stateOf(turn).status,
    }),
    error: t.field({
      type: ChatProblem,
      nullable: true,
      description: 'Why the answer is missing or incomplete; null when it is neither.',
      resolve: (turn) => stateOf(turn).error,
    }),
    context: t.field({
      type: [ChatCitation],
      description: 'What the model was given of the history.',
      resolve: async (turn, _args, { services, viewer }) =>
        (await citationsOf(services, viewer, turn)).map((each) => withUse(each, turn.response)),
    }),
    suggestions: t.exposeStringList('suggestions', {
      description: 'Questions that could follow, 5 at most.',
    }),
    model: t.exposeString('model', { nullable: true, description: 'The model that was asked.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was last asked.' }),
    session: t.relation('session', { description: 'Of which talk it is.' }),
  }),
});

builder.objectField(ChatUnavailableError, 'turn', (t) =>
  t.field({
    type: ChatTurnType,
    nullable: true,
    description: 'The turn that failed, to be asked again; null when none was begun.',
    resolve: ({ turnId }, _args, { services, viewer }) =>
      turnId === null ? null : getChatTurn(services, viewer, turnId),
  }),
);

export const ChatSessionType = builder.prismaNode('ChatSession', {
  description: 'A talk with the history.',
  nullable: true,
  id: { resolve: (session) => session.id, description: 'Global id.' },
  findUnique: (id, { viewer }) => chatSessionKey(viewer, id),
  fields: (t) => ({
    title: t.exposeString('title', { description: 'The beginning of its first question.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it began.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When something was last asked.' }),
    turns: t.prismaConnection({
      type: ChatTurnType,
      cursor: 'userId_sessionId_ordinal',
      description: 'Its turns in the order in which they were asked.',
      totalCount: (session, _args, { services, viewer }) => countChatTurns(services, viewer, session.id),
      resolve: (page, session, _args, { services, viewer }) =>
        listChatTurns(services, viewer, session.id, page),
    }),
  }),
});

const DeletedChatSession = builder.objectRef<{ id: string }>('DeletedChatSession').implement({
  description: 'A talk that is gone, with all of its turns.',
  fields: (t) => ({
    deletedId: t.exposeID('id', { description: 'The global id that it had.' }),
  }),
});

builder.queryField('chatSession', (t) =>
  t.prismaField({
    type: ChatSessionType,
    nullable: true,
    description: 'One of the viewer’s talks with their history; null when it is not theirs.',
    args: { id: t.arg.id({ description: 'The session’s global id.' }) },
    resolve: (query, _root, { id }, { services, viewer }) =>
      getChatSession(services, viewer, localId('ChatSession', id), query),
  }),
);

builder.queryField('chatSessions', (t) =>
  t.connection(
    {
      type: ChatSessionType,
      description: 'The viewer’s talks with their history, the last used first.',
      resolve: (_root, args, { services, viewer }) =>
        resolvePage(
          { args, defaultSize: DEFAULT_PAGE, maxSize: MAX_PAGE, toCursor: chatSessionCursor },
          (page: ChatSessionPage) => listChatSessions(services, viewer, page),
        ),
    },
    {
      fields: (connection) => ({
        totalCount: connection.int({
          description: 'Items of all pages together.',
          resolve: (_connection, _args, { services, viewer }) => countChatSessions(services, viewer),
        }),
      }),
    },
  ),
);

builder.mutationField('deleteChatSession', (t) =>
  t.field({
    type: DeletedChatSession,
    description: 'Forgets a talk with the history, with all of its turns.',
    args: { id: t.arg.id({ description: 'The session’s global id.' }) },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: async (_root, { id }, { services, viewer }) => {
      await deleteChatSession(services, viewer, localId('ChatSession', id));
      return { id };
    },
  }),
);
