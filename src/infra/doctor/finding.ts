/** What was found: all is well, something to know, or something that must be mended before Sidecar works as it should. */
export interface Finding {
  level: 'ok' | 'note' | 'mend';
  /** What it is about, such as `database`. */
  area: string;
  /** What was found, and what to do about it. Never a secret. */
  message: string;
}

export type Check = AsyncGenerator<Omit<Finding, 'area'>>;

export const ok = (message: string) => ({ level: 'ok' as const, message });
export const note = (message: string) => ({ level: 'note' as const, message });
export const mend = (message: string) => ({ level: 'mend' as const, message });

/** Runs a check to its end; what it throws is a finding as well. */
export async function* findingsOf(area: string, check: Check): AsyncGenerator<Finding> {
  try {
    for await (const finding of check) yield { area, ...finding };
  } catch (error) {
    yield { area, ...mend(`The check failed: ${reasonOf(error)}`) };
  }
}

/** What a certificate says that nobody known has signed. */
const UNKNOWN_AUTHORITY = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** What to tell of an error: of several addresses that were tried, node says why each refused. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error) || !error.message) return String(error);
  const isUnknown = UNKNOWN_AUTHORITY.includes((error as NodeJS.ErrnoException).code ?? '');
  return isUnknown ? `${error.message} (name your authority's file in NODE_EXTRA_CA_CERTS)` : error.message;
}
