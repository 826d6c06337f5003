import type { ConversationFilter, ConversationOrder } from '../../generated/web/operations.ts';
import { dayOf, endOf, startOf, writeAddress } from '../address.ts';
import { texts } from '../texts/index.ts';

export type Sort = keyof typeof texts.conversations.sorts;
const DEFAULT_SORT: Sort = 'UPDATED_AT DESC';

/** What the address says of the list; absent means any. */
export interface Choice {
  title: string;
  provider: string;
  model: string;
  /** Days, such as 2024-05-31. */
  from: string;
  until: string;
  archived: string;
  starred: boolean;
  attachments: boolean;
  sort: Sort;
}

const isSort = (value: string | null): value is Sort =>
  value !== null && Object.hasOwn(texts.conversations.sorts, value);

export function readChoice(address: URLSearchParams): Choice {
  const sort = address.get('sort');
  return {
    title: address.get('title') ?? '',
    provider: address.get('provider') ?? '',
    model: address.get('model') ?? '',
    from: dayOf(address.get('from')),
    until: dayOf(address.get('until')),
    archived: address.get('archived') ?? '',
    starred: address.has('starred'),
    attachments: address.has('attachments'),
    sort: isSort(sort) ? sort : DEFAULT_SORT,
  };
}

export const writeChoice = ({ sort, ...rest }: Choice): URLSearchParams =>
  writeAddress({ ...rest, sort: sort === DEFAULT_SORT ? '' : sort });

export const isNarrowed = (choice: Choice): boolean =>
  [...writeChoice(choice).keys()].some((name) => name !== 'sort');

export function toQuery(choice: Choice): { filter: ConversationFilter; orderBy: ConversationOrder } {
  const [field, direction] = choice.sort.split(' ') as [
    ConversationOrder['field'],
    ConversationOrder['direction'],
  ];
  return {
    filter: {
      ...(choice.title && { title: choice.title }),
      ...(choice.provider && { provider: choice.provider }),
      ...(choice.model && { model: choice.model }),
      ...(choice.from && { updatedAfter: startOf(choice.from) }),
      ...(choice.until && { createdBefore: endOf(choice.until) }),
      ...(choice.archived && { archived: choice.archived === 'true' }),
      ...(choice.starred && { starred: true }),
      ...(choice.attachments && { hasAttachments: true }),
    },
    orderBy: { field, direction },
  };
}
