import { builder } from './builder.ts';

/** The type of why a task failed, under a name of its own for each kind; `what` is that kind in words. */
export const failureType = (name: string, what: string) =>
  builder.objectRef<{ code: string; message: string }>(name).implement({
    description: `Why a ${what} could not go on.`,
    fields: (t) => ({
      code: t.exposeString('code', { description: 'Stable, for a program.' }),
      message: t.exposeString('message', { description: 'What happened and what to do, for a person.' }),
    }),
  });

/** Null for a task that did not fail. */
export function failureOf(task: { errorCode: string | null; errorMessage: string | null }) {
  return task.errorCode === null ? null : { code: task.errorCode, message: task.errorMessage ?? '' };
}
