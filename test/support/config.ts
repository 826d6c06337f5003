import { ConfigError, loadConfig } from '../../src/config.ts';

/** What is wrong with an environment, one entry a problem. */
export function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
