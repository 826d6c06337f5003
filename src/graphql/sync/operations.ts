import { ConflictError, NotFoundError, TooManyRequestsError } from '../../domain/errors.ts';
import { localId } from '../../domain/global-id.ts';
import { cancelSync } from '../../domain/sync/cancel.ts';
import { retrySync } from '../../domain/sync/retry.ts';
import { countSyncTasks, getSyncTask, listSyncTasks, startSync } from '../../domain/sync/task.ts';
import { undoSync } from '../../domain/sync/undo.ts';
import { watchSyncActivity, watchSyncTask } from '../../domain/sync/watch.ts';
import { builder } from '../builder.ts';
import { expectedErrors } from '../errors.ts';
import { streamOf } from '../stream.ts';
import { SyncStatusEnum, SyncTaskType } from './task.ts';

const taskIdArg = 'The task’s global id.';

const StartSyncInput = builder.inputType('StartSyncInput', {
  description: 'Which export to fetch.',
  fields: (t) => ({
    exportUrl: t.string({ required: false, description: 'Where it lies; the configured URL when left out.' }),
  }),
});

builder.queryField('syncStatus', (t) =>
  t.prismaField({
    type: SyncTaskType,
    nullable: true,
    description: 'One of the viewer’s tasks; null when it is not theirs.',
    args: { taskId: t.arg.id({ description: taskIdArg }) },
    resolve: (query, _root, { taskId }, { services, viewer }) =>
      getSyncTask(services, viewer, localId('SyncTask', taskId), query),
  }),
);

builder.queryField('syncHistory', (t) =>
  t.prismaConnection({
    type: SyncTaskType,
    cursor: 'userId_id',
    description: 'The viewer’s tasks, newest first.',
    args: {
      status: t.arg({ type: [SyncStatusEnum], required: false, description: 'Only those that stand here.' }),
    },
    totalCount: (_root, { status }, { services, viewer }) => countSyncTasks(services, viewer, { status }),
    resolve: (page, _root, { status }, { services, viewer }) =>
      listSyncTasks(services, viewer, { status }, page),
  }),
);

builder.mutationField('startSync', (t) =>
  t.prismaField({
    type: SyncTaskType,
    description: 'Queues an import of an export. One task of a user runs at a time.',
    args: {
      input: t.arg({
        type: StartSyncInput,
        required: false,
        description: 'Which export; the configured one when left out.',
      }),
    },
    errors: { types: [...expectedErrors, ConflictError, TooManyRequestsError] },
    resolve: (_query, _root, { input }, { services, viewer, requestId }) =>
      startSync(services, viewer, { exportUrl: input?.exportUrl }, requestId),
  }),
);

builder.mutationField('cancelSync', (t) =>
  t.prismaField({
    type: SyncTaskType,
    description: 'Stops a task. What is in stays; a task that is over stays as it ended.',
    args: { taskId: t.arg.id({ description: taskIdArg }) },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: (_query, _root, { taskId }, { services, viewer }) =>
      cancelSync(services, viewer, localId('SyncTask', taskId)),
  }),
);

builder.mutationField('retrySync', (t) =>
  t.prismaField({
    type: SyncTaskType,
    description: 'Imports again what failed, or goes on with a task that was stopped.',
    args: { taskId: t.arg.id({ description: taskIdArg }) },
    errors: { types: [...expectedErrors, NotFoundError, ConflictError, TooManyRequestsError] },
    resolve: (_query, _root, { taskId }, { services, viewer, requestId }) =>
      retrySync(services, viewer, localId('SyncTask', taskId), requestId),
  }),
);

builder.mutationField('undoSync', (t) =>
  t.prismaField({
    type: SyncTaskType,
    description: 'Takes back what a task added or changed, and nothing else.',
    args: { taskId: t.arg.id({ description: taskIdArg }) },
    errors: { types: [...expectedErrors, NotFoundError, ConflictError] },
    resolve: (_query, _root, { taskId }, { services, viewer }) =>
      undoSync(services, viewer, localId('SyncTask', taskId)),
  }),
);

builder.subscriptionField('syncStatus', (t) =>
  t.field({
    type: SyncTaskType,
    description: 'The task as it is now, then every newer state of it; completes when it is over.',
    args: { taskId: t.arg.id({ description: taskIdArg }) },
    subscribe: async (_root, { taskId }, { services, viewer }) =>
      streamOf(await watchSyncTask(services, viewer, localId('SyncTask', taskId)), 1),
    resolve: (task) => task,
  }),
);

builder.subscriptionField('syncActivity', (t) =>
  t.field({
    type: SyncTaskType,
    description: 'All of the viewer’s unfinished tasks as they are now, then each that changes or begins.',
    subscribe: async (_root, _args, { services, viewer }) =>
      streamOf(await watchSyncActivity(services, viewer), 100),
    resolve: (task) => task,
  }),
);
