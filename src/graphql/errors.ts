import {
  ConflictError,
  type DomainError,
  InvalidInputError,
  NotAllowedError,
  NotFoundError,
  NotSignedInError,
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
  description: 'The API key lacks the scope that this needs.',
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
  description: 'A sync of the viewer is already waiting or running.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    task: t.prismaField({
      type: 'SyncTask',
      nullable: true,
      description: 'The task that is in the way; null when it ended meanwhile.',
      resolve: (query, error, _args, { services, viewer }) =>
        getSyncTask(services, viewer, error.taskId, query),
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

/** What any mutation may answer instead of its result. */
export const expectedErrors = [NotSignedInError, NotAllowedError, InvalidInputError];
