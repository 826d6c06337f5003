import { exportMyData } from '../domain/account/export.ts';
import { BackgroundTaskType } from './background-task.ts';
import { builder } from './builder.ts';
import { expectedErrors } from './errors.ts';

builder.mutationField('exportMyData', (t) =>
  t.prismaField({
    type: BackgroundTaskType,
    description:
      'Makes a zip of everything that is kept of the viewer: conversations, originals, attachments, settings, logs. Its link stands in the task once it is done, for seven days.',
    errors: { types: expectedErrors },
    resolve: (_query, _root, _args, { services, viewer, requestId }) =>
      exportMyData(services, viewer, requestId),
  }),
);
