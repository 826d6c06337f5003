import { createTestClient, type TestClient } from './client.ts';
import type { TestServer } from './server.ts';

export interface ApiKeyAnswer {
  id: string;
  name: string;
  prefix: string;
  scopes: string[];
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  lastUsedAddress: string | null;
  revokedAt: string | null;
}

export interface CreateApiKeyAnswer {
  __typename: string;
  key: string;
  apiKey: ApiKeyAnswer;
  code: string;
  message: string;
  fieldErrors: { path: string[] }[];
}

export interface KeyInput {
  name: string;
  scopes: string[];
  expiresAt?: string | null;
}

export const keyFields = 'id name prefix scopes createdAt expiresAt lastUsedAt lastUsedAddress revokedAt';

/** Asks for a key; the answer is what was made, or the error with its `__typename`. */
export async function askForKey(client: TestClient, input: KeyInput): Promise<CreateApiKeyAnswer> {
  const { createApiKey } = await client.request<{ createApiKey: CreateApiKeyAnswer }>(
    `mutation Create($input: CreateApiKeyInput!) {
      createApiKey(input: $input) {
        __typename
        ... on CreatedApiKey { key apiKey { ${keyFields} } }
        ... on Error { code message }
        ... on InvalidInput { fieldErrors { path } }
      }
    }`,
    { input },
  );
  return createApiKey;
}

/** Makes a key, and a client that uses it. */
export async function makeKey(
  server: TestServer,
  client: TestClient,
  input: Partial<KeyInput> = {},
): Promise<{ key: string; apiKey: ApiKeyAnswer; client: TestClient }> {
  const made = await askForKey(client, { name: 'a program', scopes: ['READ', 'WRITE'], ...input });
  if (made.__typename !== 'CreatedApiKey') throw new Error(`No key was made: ${JSON.stringify(made)}`);
  return { key: made.key, apiKey: made.apiKey, client: createTestClient(server.url, made.key) };
}

export async function revokeKey(client: TestClient, id: string) {
  const { revokeApiKey } = await client.request<{
    revokeApiKey: ApiKeyAnswer & { __typename: string; code: string };
  }>(
    `mutation Revoke($id: ID!) {
      revokeApiKey(id: $id) { __typename ... on ApiKey { ${keyFields} } ... on Error { code message } }
    }`,
    { id },
  );
  return revokeApiKey;
}

/** The viewer's keys as they are listed. */
export async function listKeys(client: TestClient): Promise<ApiKeyAnswer[]> {
  const { apiKeys } = await client.request<{ apiKeys: ApiKeyAnswer[] }>(`{ apiKeys { ${keyFields} } }`);
  return apiKeys;
}
