import { cancelBackgroundTask } from '../domain/background/cancel.ts';
import { isFetchable } from '../domain/background/file.ts';
import {
  backgroundTaskKey,
  countBackgroundTasks,
  fractionOf,
  getBackgroundTask,
  listBackgroundTasks,
} from '../domain/background/task.ts';
import { watchBackgroundTask } from '../domain/background/watch.ts';
import { NotFoundError } from '../domain/errors.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import type { BackgroundTask } from '../generated/prisma/client.ts';
import { BackgroundTaskKind, BackgroundTaskStatus } from '../generated/prisma/enums.ts';
import { builder } from './builder.ts';
import { expectedErrors } from './errors.ts';
import { streamOf } from './stream.ts';
import { failureOf, failureType } from './task-failure.ts';

const KindEnum = builder.enumType('BackgroundTaskKind', {
  description: 'What a task that is no sync does.',
  values: {
    ACCOUNT_EXPORT: {
      value: BackgroundTaskKind.ACCOUNT_EXPORT,
      description: 'Makes a zip of all that is kept of a user.',
    },
    CONVERSATION_EXPORT: {
      value: BackgroundTaskKind.CONVERSATION_EXPORT,
      description: 'Makes a zip of the conversations that a filter matches.',
    },
    REINDEX: { value: BackgroundTaskKind.REINDEX, description: 'Writes the search index anew.' },
    EMBEDDING: {
      value: BackgroundTaskKind.EMBEDDING,
      description: 'Reckons what messages mean, for search by meaning.',
    },
  } satisfies Record<keyof typeof BackgroundTaskKind, { value: string; description: string }>,
});

const StatusEnum = builder.enumType('BackgroundTaskStatus', {
  description: 'Where a task that is no sync stands.',
  values: {
    QUEUED: { value: BackgroundTaskStatus.QUEUED, description: 'Waits for a worker.' },
    RUNNING: { value: BackgroundTaskStatus.RUNNING, description: 'A worker is on it.' },
    COMPLETED: { value: BackgroundTaskStatus.COMPLETED, description: 'It is done.' },
    FAILED: { value: BackgroundTaskStatus.FAILED, description: 'It could not go on; `error` says why.' },
    CANCELLED: { value: BackgroundTaskStatus.CANCELLED, description: 'Stopped on request.' },
  } satisfies Record<keyof typeof BackgroundTaskStatus, { value: string; description: string }>,
});

const Progress = builder.objectRef<BackgroundTask>('BackgroundTaskProgress').implement({
  description: 'How far a task is, in what its kind counts: conversations and files for an export.',
  fields: (t) => ({
    done: t.exposeInt('done', { description: 'Dealt with so far.' }),
    total: t.exposeInt('total', { nullable: true, description: 'Of how many; null while that is unknown.' }),
    fraction: t.float({
      nullable: true,
      description: '0 to 1, and 1 only at the end; null while the total is unknown.',
      resolve: fractionOf,
    }),
  }),
});

const Failure = failureType('BackgroundTaskFailure', 'task');

export const BackgroundTaskType = builder.prismaNode('BackgroundTask', {
  description: 'Work for the viewer that is no sync, such as an export.',
  nullable: true,
  id: { resolve: (task) => task.id, description: 'Global id.' },
  findUnique: (id, { viewer }) => backgroundTaskKey(viewer, id),
  fields: (t) => ({
    kind: t.expose('kind', { type: KindEnum, description: 'What it does.' }),
    status: t.expose('status', { type: StatusEnum, description: 'Where it stands.' }),
    seq: t.exposeInt('seq', { description: 'Grows with every change.' }),
    attempt: t.exposeInt('attempt', {
      description: 'How often a worker began it since it last got any further.',
    }),
    progress: t.field({ type: Progress, description: 'How far it is.', resolve: (task) => task }),
    error: t.field({
      type: Failure,
      nullable: true,
      description: 'Why it failed; null when it did not.',
      resolve: failureOf,
    }),
    downloadUrl: t.string({
      nullable: true,
      description:
        'Where its user can fetch the file that it made; null before, after it expired, or without one.',
      resolve: (task) => (isFetchable(task) ? `/exports/${encodeId('BackgroundTask', task.id)}` : null),
    }),
    fileName: t.exposeString('fileName', { nullable: true, description: 'What that file is called.' }),
    fileBytes: t.float({
      nullable: true,
      description: 'Its size in bytes.',
      resolve: (task) => (task.fileBytes === null ? null : Number(task.fileBytes)),
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the file is removed.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a worker first began it.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was over.',
    }),
  }),
});

builder.queryField('backgroundTask', (t) =>
  t.prismaField({
    type: BackgroundTaskType,
    nullable: true,
    description: 'One of the viewer’s tasks that are no syncs; null when it is not theirs.',
    args: { id: t.arg.id({ description: 'The task’s global id.' }) },
    resolve: (query, _root, { id }, { services, viewer }) =>
      getBackgroundTask(services, viewer, localId('BackgroundTask', id), query),
  }),
);

builder.queryField('backgroundTasks', (t) =>
  t.prismaConnection({
    type: BackgroundTaskType,
    cursor: 'userId_id',
    description: 'The viewer’s tasks that are no syncs, newest first.',
    args: {
      kind: t.arg({ type: [KindEnum], required: false, description: 'Only those that do this.' }),
      status: t.arg({ type: [StatusEnum], required: false, description: 'Only those that stand here.' }),
    },
    totalCount: (_root, filter, { services, viewer }) => countBackgroundTasks(services, viewer, filter),
    resolve: (page, _root, { kind, status }, { services, viewer }) =>
      listBackgroundTasks(services, viewer, { kind, status }, page),
  }),
);

builder.mutationField('cancelBackgroundTask', (t) =>
  t.prismaField({
    type: BackgroundTaskType,
    description: 'Stops a task that is no sync, with its file; one that is over stays as it ended.',
    args: { id: t.arg.id({ description: 'The task’s global id.' }) },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: (_query, _root, { id }, { services, viewer }) =>
      cancelBackgroundTask(services, viewer, localId('BackgroundTask', id)),
  }),
);

builder.subscriptionField('backgroundTask', (t) =>
  t.field({
    type: BackgroundTaskType,
    description: 'The task as it is now, then every newer state of it; completes when it is over.',
    args: { taskId: t.arg.id({ description: 'The task’s global id.' }) },
    subscribe: async (_root, { taskId }, { services, viewer }) =>
      streamOf(await watchBackgroundTask(services, viewer, localId('BackgroundTask', taskId)), 1),
    resolve: (task) => task,
  }),
);
