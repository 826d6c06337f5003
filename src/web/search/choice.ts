import type { SearchFilter } from '../../generated/web/operations.ts';

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

const DAY = /^\d{4}-\d\d-\d\d$/;

/** Somebody may have written the address by hand. */
const dayOf = (value: string | null) =>
  value && DAY.test(value) && !Number.isNaN(Date.parse(value)) ? value : '';

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

export function writeChoice({ query, ...rest }: Choice): URLSearchParams {
  const address = new URLSearchParams();
  for (const [name, value] of Object.entries({ q: query, ...rest })) {
    if (value) address.set(name, value === true ? '1' : String(value));
  }
  return address;
}

export function toFilter(choice: Choice): SearchFilter {
  return {
    ...(choice.role && { role: choice.role }),
    ...(choice.provider && { provider: choice.provider }),
    ...(choice.model && { model: choice.model }),
    ...(choice.from && { createdAfter: new Date(`${choice.from}T00:00`).toISOString() }),
    ...(choice.until && { createdBefore: new Date(`${choice.until}T23:59:59.999`).toISOString() }),
    ...(choice.attachments && { hasAttachment: true }),
  };
}
