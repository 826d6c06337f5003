import { getBackgroundTask } from '../domain/background/task.ts';
import {
  type ChatFailure,
  ChatUnavailableError,
  ConflictError,
  type DomainError,
  InvalidInputError,
  NotAllowedError,
  NotFoundError,
  NotSignedInError,
  type SemanticRequirement,
  SemanticSearchUnavailableError,
  TooManyRequestsError,
} from '../domain/errors.ts';
import { getSyncTask } from '../domain/sync/task.ts';
import { builder } from './builder.ts';

const ErrorInterface = builder.interfaceRef<DomainError>('Error').implement({
  description: 'A failure that a client should expect.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What went wrong and what to do, for a person.' }),
    code: t.exposeString('code', { description: 'Stable, for a program.' }),
  }),
});

builder.objectType(NotSignedInError, {
  name: 'NotSignedIn',
  description: 'The request carries neither a session nor a valid API key.',
  interfaces: [ErrorInterface],
});

builder.objectType(NotAllowedError, {
  name: 'NotAllowed',
  description: 'The viewer may not do this: the key or session lacks a scope, or it is for the owner alone.',
  interfaces: [ErrorInterface],
});

builder.objectType(NotFoundError, {
  name: 'NotFound',
  description: 'There is no such thing, or it belongs to somebody else.',
  interfaces: [ErrorInterface],
});

const FieldErrorType = builder.objectRef<InvalidInputError['fieldErrors'][number]>('FieldError').implement({
  description: 'What is wrong with one field of an input.',
  fields: (t) => ({
    path: t.stringList({
      description: 'Where in the input, from the outside in.',
      resolve: (error) => error.path.map(String),
    }),
    message: t.exposeString('message', { description: 'What is wrong.' }),
  }),
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInput',
  description: 'The input cannot be used as it is.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    fieldErrors: t.field({
      type: [FieldErrorType],
      description: 'One entry for each thing that is wrong.',
      resolve: (error) => error.fieldErrors,
    }),
  }),
});

builder.objectType(ConflictError, {
  name: 'Conflict',
  description: 'A sync or other work of the viewer is already waiting or running.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    task: t.prismaField({
      type: 'SyncTask',
      nullable: true,
      description: 'The sync that is in the way; null when it is other work or was deleted meanwhile.',
      resolve: (query, error, _args, { services, viewer }) =>
        error.taskType === 'SyncTask' ? getSyncTask(services, viewer, error.taskId, query) : null,
    }),
    backgroundTask: t.prismaField({
      type: 'BackgroundTask',
      nullable: true,
      description: 'The other work that is in the way; null when it is a sync or was deleted meanwhile.',
      resolve: (query, error, _args, { services, viewer }) =>
        error.taskType === 'BackgroundTask' ? getBackgroundTask(services, viewer, error.taskId, query) : null,
    }),
  }),
});

builder.objectType(TooManyRequestsError, {
  name: 'TooManyRequests',
  description: 'A rate limit is used up.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    retryAfter: t.exposeInt('retryAfter', { description: 'Seconds until it is worth trying again.' }),
  }),
});

export const ChatFailureEnum = builder.enumType('ChatFailureReason', {
  description: 'Why there is no answer of a model.',
  values: {
    NOT_CONFIGURED: { description: 'This server has no model.' },
    UNREACHABLE: { description: 'The model’s server does not answer.' },
    TIMED_OUT: { description: 'It took too long to begin, or to go on.' },
    RATE_LIMITED: { description: 'It has had too many requests.' },
    REFUSED: { description: 'It refused the request, or failed at it.' },
    BROKEN_OFF: { description: 'The answer broke off.' },
  } satisfies Record<ChatFailure, { description: string }>,
});

builder.objectType(ChatUnavailableError, {
  name: 'ChatUnavailable',
  description: 'No model is configured, or it does not answer.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    reason: t.expose('reason', { type: ChatFailureEnum, description: 'What is the matter.' }),
    retryAfter: t.exposeInt('retryAfter', {
      nullable: true,
      description: 'Seconds until it is worth trying again; null when nobody knows.',
    }),
  }),
});

const SemanticRequirementEnum = builder.enumType('SemanticRequirement', {
  description: 'What search by meaning needs.',
  values: {
    MODEL: { description: 'A configured model of what texts mean.' },
    PGVECTOR: { description: 'The extension pgvector in the database.' },
    ANSWER: { description: 'The model’s answer.' },
  } satisfies Record<SemanticRequirement, { description: string }>,
});

builder.objectType(SemanticSearchUnavailableError, {
  name: 'SemanticSearchUnavailable',
  description: 'Search by meaning was asked for, and this server cannot do it now.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    missing: t.field({
      type: [SemanticRequirementEnum],
      description: 'All that is missing.',
      resolve: (error) => error.missing,
    }),
  }),
});

/** What any mutation may answer instead of its result. */
export const expectedErrors = [NotSignedInError, NotAllowedError, InvalidInputError];
