import type { SearchFilter } from '../../generated/web/operations.ts';
import { dayOf, endOf, startOf, writeAddress } from '../address.ts';

/** What the address says of a search; empty means any. */
export interface Choice {
  query: string;
  role: string;
  provider: string;
  model: string;
  /** Days, such as 2024-05-31. */
  from: string;
  until: string;
  attachments: boolean;
  once: boolean;
}

export function readChoice(address: URLSearchParams): Choice {
  return {
    query: address.get('q') ?? '',
    role: address.get('role') ?? '',
    provider: address.get('provider') ?? '',
    model: address.get('model') ?? '',
    from: dayOf(address.get('from')),
    until: dayOf(address.get('until')),
    attachments: address.has('attachments'),
    once: address.has('once'),
  };
}

export const writeChoice = ({ query, ...rest }: Choice): URLSearchParams =>
  writeAddress({ q: query, ...rest });

/** Whether anything but the words narrows the search. */
export const isNarrowed = (choice: Choice): boolean =>
  [...writeChoice({ ...choice, query: '' }).keys()].length > 0;

export function toFilter(choice: Choice): SearchFilter {
  return {
    ...(choice.role && { role: choice.role }),
    ...(choice.provider && { provider: choice.provider }),
    ...(choice.model && { model: choice.model }),
    ...(choice.from && { createdAfter: startOf(choice.from) }),
    ...(choice.until && { createdBefore: endOf(choice.until) }),
    ...(choice.attachments && { hasAttachment: true }),
  };
}
