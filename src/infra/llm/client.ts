import OpenAI from 'openai';

/**
 * A client of any server that speaks OpenAI's protocol. Everything that the library would read from the environment,
 * behind the configuration's back, is given; nothing is sent before it is asked.
 */
export function openModelClient(
  { baseUrl, apiKey }: { baseUrl: string; apiKey: string | null },
  options: { maxRetries?: number } = {},
): OpenAI {
  return new OpenAI({
    baseURL: baseUrl,
    apiKey: apiKey ?? 'none',
    ...(apiKey === null ? { defaultHeaders: { Authorization: null } } : {}),
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    ...options,
  });
}
