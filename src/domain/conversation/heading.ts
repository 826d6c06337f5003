import type { Conversation } from '../../generated/prisma/client.ts';
import type { WholeMessage } from './whole.ts';

/** What a reader wants to know of a conversation beforehand. */
export function factsOf(head: Conversation): [name: string, value: string][] {
  return [
    ['Provider', head.provider],
    ['Model', head.model ?? ''],
    ['Began', head.createdAt?.toISOString() ?? ''],
    ['Last changed', head.updatedAt?.toISOString() ?? ''],
    ['Id', head.externalId],
  ].flatMap(([name = '', value = '']): [string, string][] => (value === '' ? [] : [[name, value]]));
}

/** Who spoke and when, and which of several alternatives it is. */
export function titleOf(message: WholeMessage): string {
  const role = message.role.slice(0, 1).toUpperCase() + message.role.slice(1);
  const time = message.createdAt ? ` · ${message.createdAt.toISOString()}` : '';
  const { siblingIndex, siblingCount } = message;
  return `${role}${time}${siblingCount > 1 ? ` · ${siblingIndex + 1} of ${siblingCount}` : ''}`;
}
