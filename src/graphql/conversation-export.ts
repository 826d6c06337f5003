import { exportConversations } from '../domain/conversation/export.ts';
import type { ExportFormat } from '../domain/conversation/render.ts';
import { ConflictError, TooManyRequestsError } from '../domain/errors.ts';
import { encodeId } from '../domain/global-id.ts';
import { BackgroundTaskType } from './background-task.ts';
import { builder } from './builder.ts';
import { ConversationFilterInput, MessagePathEnum } from './conversation.ts';
import { expectedErrors } from './errors.ts';

const FormatEnum = builder.enumType('ConversationExportFormat', {
  description: 'As what a conversation leaves.',
  values: {
    MARKDOWN: { description: 'For reading and for other programs’ notes.' },
    HTML: { description: 'A page that stands alone, without scripts.' },
    JSON: { description: 'Every fact of every message, hidden ones included.' },
  } satisfies Record<ExportFormat, { description: string }>,
});

const pathDescription = 'Which messages: all branches for JSON and the active path otherwise when left out.';

builder.prismaObjectField('Conversation', 'exportUrl', (t) =>
  t.string({
    description: 'Where its user can fetch it as a file.',
    args: {
      format: t.arg({ type: FormatEnum, defaultValue: 'MARKDOWN', description: 'As what.' }),
      path: t.arg({ type: MessagePathEnum, required: false, description: pathDescription }),
    },
    resolve: ({ id }, { format, path }) => {
      const query = new URLSearchParams({
        format: format.toLowerCase(),
        ...(path && { path: path.toLowerCase() }),
      });
      return `/conversations/${encodeId('Conversation', id)}/export?${query}`;
    },
  }),
);

const ExportConversationsInput = builder.inputType('ExportConversationsInput', {
  description: 'Which conversations leave, and as what.',
  fields: (t) => ({
    filter: t.field({
      type: ConversationFilterInput,
      required: false,
      description: 'Which of them; all when left out.',
    }),
    format: t.field({ type: FormatEnum, defaultValue: 'MARKDOWN', description: 'As what.' }),
    path: t.field({ type: MessagePathEnum, required: false, description: pathDescription }),
  }),
});

builder.mutationField('exportConversations', (t) =>
  t.prismaField({
    type: BackgroundTaskType,
    description:
      'Makes a zip of all conversations that a filter matches, one file each. Its link stands in the task once it is done, for seven days.',
    args: { input: t.arg({ type: ExportConversationsInput, description: 'Which, and as what.' }) },
    errors: { types: [...expectedErrors, ConflictError, TooManyRequestsError] },
    resolve: (_query, _root, { input: { filter, format, path } }, { services, viewer, requestId }) =>
      exportConversations(
        services,
        viewer,
        { filter: filter ?? {}, format, path: path ?? undefined },
        requestId,
      ),
  }),
);
