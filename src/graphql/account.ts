import { deleteAccount } from '../domain/account/delete.ts';
import { exportMyData } from '../domain/account/export.ts';
import { NotFoundError, TooManyRequestsError } from '../domain/errors.ts';
import { BackgroundTaskType } from './background-task.ts';
import { builder } from './builder.ts';
import { expectedErrors } from './errors.ts';

builder.mutationField('exportMyData', (t) =>
  t.prismaField({
    type: BackgroundTaskType,
    description:
      'Makes a zip of everything that is kept of the viewer: conversations, originals, attachments, settings, logs. Its link stands in the task once it is done, for seven days.',
    errors: { types: [...expectedErrors, TooManyRequestsError] },
    resolve: (_query, _root, _args, { services, viewer, requestId }) =>
      exportMyData(services, viewer, requestId),
  }),
);

const AccountDeletion = builder.objectRef<{ deletedAt: Date }>('AccountDeletion').implement({
  description: 'An account that is gone.',
  fields: (t) => ({
    deletedAt: t.expose('deletedAt', { type: 'DateTime', description: 'When the last of it went.' }),
  }),
});

builder.mutationField('deleteAccount', (t) =>
  t.field({
    type: AccountDeletion,
    description:
      'Deletes the viewer’s account with everything in it, at once and for good. The owner’s is empty afterwards, and the server’s key still opens it.',
    args: { confirm: t.arg.string({ description: 'The viewer’s e-mail address, or "delete my account".' }) },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: (_root, { confirm }, { services, viewer }) => deleteAccount(services, viewer, confirm),
  }),
);
