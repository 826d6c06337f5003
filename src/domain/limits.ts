/**
 * How often something may be done within a window of time, by one user or from one address. Generous: a person does not
 * meet them, a program that has lost its way does. `RATE_LIMIT_FACTOR` multiplies all of them.
 */
export const rateLimits = {
  /** By address: requests that begin or end a sign-in. */
  signIn: { uses: 100, windowSeconds: 300 },
  /** By address: API keys that nobody has. */
  wrongKey: { uses: 100, windowSeconds: 300 },
  keyCreation: { uses: 30, windowSeconds: 3_600 },
  /** Started, retried, or read from a folder of the server. */
  sync: { uses: 120, windowSeconds: 3_600 },
  upload: { uses: 120, windowSeconds: 3_600 },
  /** Zips of conversations or of the whole account. */
  export: { uses: 20, windowSeconds: 3_600 },
  search: { uses: 600, windowSeconds: 60 },
  chat: { uses: 60, windowSeconds: 60 },
} satisfies Record<string, { uses: number; windowSeconds: number }>;

export type LimitName = keyof typeof rateLimits;

/** Whose use is counted: a viewer's, or that of an address when nobody is known yet. */
export type Spender = { userId: string } | { address: string | null };

/** Counts uses over all processes. When the store of the counts is away, each process counts for itself. */
export interface Limits {
  /** Counts one use. Throws a TooManyRequestsError when none is left. */
  spend(name: LimitName, spender: Spender): Promise<void>;
  /** Counts nothing. Throws a TooManyRequestsError when this process knows that none is left. */
  check(name: LimitName, spender: Spender): void;
}
