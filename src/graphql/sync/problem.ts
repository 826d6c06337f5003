import { getConversation } from '../../domain/conversation/read.ts';
import { listSyncProblems } from '../../domain/sync/problem.ts';
import { ProblemOutcome } from '../../generated/prisma/enums.ts';
import { builder } from '../builder.ts';

const ProblemOutcomeEnum = builder.enumType('SyncProblemOutcome', {
  description: 'How bad it is.',
  values: {
    SKIPPED: { value: ProblemOutcome.SKIPPED, description: 'There was nothing to import.' },
    FAILED: { value: ProblemOutcome.FAILED, description: 'It could not be read.' },
    WARNING: {
      value: ProblemOutcome.WARNING,
      description: 'It is in, but something in it had to be mended.',
    },
  } satisfies Record<keyof typeof ProblemOutcome, { value: string; description: string }>,
});

const SyncProblemType = builder.prismaObject('SyncProblem', {
  description: 'A conversation that did not arrive whole, and why.',
  fields: (t) => ({
    externalId: t.exposeString('externalId', {
      nullable: true,
      description: 'The provider’s id, when it could be read.',
    }),
    title: t.exposeString('title', { nullable: true, description: 'Its title, when it could be read.' }),
    outcome: t.expose('outcome', { type: ProblemOutcomeEnum, description: 'How bad it is.' }),
    code: t.exposeString('code', { description: 'Stable, for a program.' }),
    reason: t.exposeString('reason', { description: 'Why, for a person.' }),
    conversation: t.prismaField({
      type: 'Conversation',
      nullable: true,
      description: 'What did arrive of it.',
      resolve: (query, problem, _args, { services, viewer }) =>
        problem.conversationId === null
          ? null
          : getConversation(services, viewer, problem.conversationId, query),
    }),
  }),
});

builder.prismaObjectField('SyncTask', 'problems', (t) =>
  t.prismaConnection({
    type: SyncProblemType,
    cursor: 'userId_taskId_ordinal',
    description: 'Every conversation that is not in added, updated or unchanged, and every warning.',
    args: {
      outcome: t.arg({ type: ProblemOutcomeEnum, required: false, description: 'Only these.' }),
    },
    resolve: (page, task, { outcome }, { services, viewer }) =>
      listSyncProblems(services, viewer, task.id, outcome ?? null, page),
  }),
);
