import { variables } from './variables.ts';

/** Thrown with every problem at once, each naming its variable. */
export class ConfigError extends Error {
  readonly problems: string[];
  /** Out of sight of what prints an error, for a URL may hold a secret. */
  readonly #places: Places | null;

  constructor(problems: string[], places: Places | null = null) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
    this.#places = places;
  }

  /** What else this machine may have a problem with. */
  get places(): Places | null {
    return this.#places;
  }
}

/** What the environment names and this machine must have; null where it is not set, wrong in itself, or not to be looked at. */
export interface Places {
  dataDir: string | null;
  ingestRoot: string | null;
  exportUrl: string | null;
  allowedHosts: string[];
}

/** What is right of an environment of which something else is wrong. */
export function readPlaces(given: Record<string, string | undefined>): Places {
  const read = <Name extends keyof typeof variables.shape>(name: Name) =>
    variables.shape[name].safeParse(given[name]).data ?? null;
  const allowedHosts = read('EXPORT_ALLOWED_HOSTS') as string[] | null;
  return {
    // A look would make it, and a start that is refused makes nothing.
    dataDir: null,
    ingestRoot: read('INGEST_ROOT') as string | null,
    // Which hosts are allowed is not known.
    exportUrl: allowedHosts && (read('CHATGPT_EXPORT_URL') as string | null),
    allowedHosts: allowedHosts ?? [],
  };
}
