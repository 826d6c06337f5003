import { queuePosition, syncTaskKey } from '../../domain/sync/task.ts';
import type { SyncTask } from '../../generated/prisma/client.ts';
import { SyncPhase, SyncStatus, SyncTrigger } from '../../generated/prisma/enums.ts';
import { builder, nodeId } from '../builder.ts';
import { failureOf, failureType } from '../task-failure.ts';

export const SyncStatusEnum = builder.enumType('SyncStatus', {
  description: 'Where a sync stands.',
  values: {
    QUEUED: { value: SyncStatus.QUEUED, description: 'Waits for a worker.' },
    RUNNING: { value: SyncStatus.RUNNING, description: 'A worker is on it.' },
    COMPLETED: { value: SyncStatus.COMPLETED, description: 'All that the export holds is in.' },
    PARTIAL: {
      value: SyncStatus.PARTIAL,
      description: 'What could be read is in; `problems` says what is not.',
    },
    FAILED: { value: SyncStatus.FAILED, description: 'It could not go on; `error` says why.' },
    CANCELLED: { value: SyncStatus.CANCELLED, description: 'Stopped on request; what was in by then stays.' },
    UNDONE: { value: SyncStatus.UNDONE, description: 'What it brought was taken back.' },
  } satisfies Record<keyof typeof SyncStatus, { value: string; description: string }>,
});

const SyncPhaseEnum = builder.enumType('SyncPhase', {
  description: 'What a sync is doing.',
  values: {
    WAITING: { value: SyncPhase.WAITING, description: 'Waits for a worker.' },
    DOWNLOADING: { value: SyncPhase.DOWNLOADING, description: 'Fetches the export.' },
    READING: { value: SyncPhase.READING, description: 'Looks at what the export holds.' },
    IMPORTING: {
      value: SyncPhase.IMPORTING,
      description: 'Writes conversations; each is readable once written.',
    },
    INDEXING: { value: SyncPhase.INDEXING, description: 'Makes the last of them searchable.' },
    DONE: { value: SyncPhase.DONE, description: 'Is over.' },
  } satisfies Record<keyof typeof SyncPhase, { value: string; description: string }>,
});

const SyncTriggerEnum = builder.enumType('SyncTrigger', {
  description: 'What began a sync.',
  values: {
    MANUAL: { value: SyncTrigger.MANUAL, description: 'Somebody asked for it.' },
    SCHEDULED: { value: SyncTrigger.SCHEDULED, description: 'It was due.' },
    UPLOAD: { value: SyncTrigger.UPLOAD, description: 'Somebody sent the archive.' },
  } satisfies Record<keyof typeof SyncTrigger, { value: string; description: string }>,
});

const SyncProgress = builder.objectRef<SyncTask>('SyncProgress').implement({
  description: 'How far a sync is.',
  fields: (t) => ({
    fraction: t.exposeFloat('fraction', { description: '0 to 1; never falls, and is 1 only at the end.' }),
    bytesDone: t.float({
      description: 'Bytes fetched while downloading; from then on, bytes of conversations read.',
      resolve: (task) => Number(task.bytesDone),
    }),
    bytesTotal: t.float({
      description: 'What `bytesDone` grows to; 0 while it is unknown.',
      resolve: (task) => Number(task.bytesTotal),
    }),
    conversationsDone: t.exposeInt('conversationsDone', { description: 'Conversations dealt with.' }),
    conversationsTotal: t.exposeInt('conversationsTotal', {
      nullable: true,
      description:
        'Conversations that the export holds: reckoned from the bytes while it is read, exact at the end, null before.',
    }),
    perSecond: t.exposeFloat('perSecond', {
      nullable: true,
      description: 'Of late: bytes while downloading, conversations while importing; null in other phases.',
    }),
    etaSeconds: t.exposeInt('etaSeconds', {
      nullable: true,
      description: 'Seconds to go, by the present speed.',
    }),
    queuePosition: t.int({
      nullable: true,
      description: 'Tasks that wait before this one; null when it does not wait.',
      resolve: (task, _args, { services }) => queuePosition(services, task),
    }),
  }),
});

const SyncCounts = builder.objectRef<SyncTask>('SyncCounts').implement({
  description: 'What became of the conversations: the first five add up to all that were found.',
  fields: (t) => ({
    added: t.exposeInt('added', { description: 'New to this account.' }),
    updated: t.exposeInt('updated', { description: 'Known, and now richer or newer.' }),
    unchanged: t.exposeInt('unchanged', { description: 'Known as they are.' }),
    skipped: t.exposeInt('skipped', { description: 'Held nothing to import; see `problems`.' }),
    failed: t.exposeInt('failed', { description: 'Could not be read; see `problems`.' }),
    messagesAdded: t.exposeInt('messagesAdded', { description: 'Messages new to this account.' }),
    assetsAdded: t.exposeInt('assetsAdded', { description: 'Attachments new to this account.' }),
  }),
});

const SyncFailure = failureType('SyncFailure', 'sync');

export const SyncTaskType = builder.prismaNode('SyncTask', {
  description: 'One run of the importer.',
  nullable: true,
  id: nodeId((task: { id: string }) => task.id, 'Global id; REST calls it task_id.'),
  findUnique: (id, { viewer }) => syncTaskKey(viewer, id),
  fields: (t) => ({
    trigger: t.expose('trigger', { type: SyncTriggerEnum, description: 'What began it.' }),
    status: t.expose('status', { type: SyncStatusEnum, description: 'Where it stands.' }),
    phase: t.expose('phase', { type: SyncPhaseEnum, description: 'What it is doing.' }),
    seq: t.exposeInt('seq', { description: 'Grows with every change.' }),
    attempt: t.exposeInt('attempt', { description: 'How often a worker began it.' }),
    source: t.exposeString('source', { description: 'Host and file name of the export.' }),
    progress: t.field({ type: SyncProgress, description: 'How far it is.', resolve: (task) => task }),
    counts: t.field({
      type: SyncCounts,
      description: 'What became of the conversations.',
      resolve: (task) => task,
    }),
    error: t.field({
      type: SyncFailure,
      nullable: true,
      description: 'Why it failed; null when it did not.',
      resolve: failureOf,
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
    user: t.relation('user', { description: 'Whose it is.' }),
  }),
});
