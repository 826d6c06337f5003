import { apiKeyKey, type CreatedApiKey, createApiKey, listApiKeys, revokeApiKey } from '../domain/api-key.ts';
import { NotFoundError, TooManyRequestsError } from '../domain/errors.ts';
import { localId } from '../domain/global-id.ts';
import type { Scope } from '../domain/viewer.ts';
import { builder } from './builder.ts';
import { expectedErrors } from './errors.ts';

const ScopeEnum = builder.enumType('Scope', {
  description: 'What a key may do.',
  values: {
    READ: { value: 'read' satisfies Scope, description: 'See everything of its user; part of every key.' },
    WRITE: { value: 'write' satisfies Scope, description: 'Change everything of its user.' },
    ADMIN: { value: 'admin' satisfies Scope, description: 'Look after the server; for the owner only.' },
  },
});

const ApiKeyType = builder.prismaNode('ApiKey', {
  description: 'A key with which a program acts for its user. The key itself is shown once, when it is made.',
  nullable: true,
  id: { resolve: (key) => key.id, description: 'Global id.' },
  findUnique: (id, { viewer }) => apiKeyKey(viewer, id),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What it is for.' }),
    prefix: t.exposeString('prefix', { description: 'The beginning of the key, by which to tell it.' }),
    scopes: t.field({
      type: [ScopeEnum],
      select: { scopes: true },
      description: 'What it may do.',
      resolve: (key) => key.scopes as Scope[],
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'From when on it is refused; null when it does not expire.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to within a minute; null when it never was.',
    }),
    lastUsedAddress: t.exposeString('lastUsedAddress', {
      nullable: true,
      description: 'The address from which it was used then.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null when it was not.',
    }),
  }),
});

const CreatedApiKeyType = builder.objectRef<CreatedApiKey>('CreatedApiKey').implement({
  description: 'A new key.',
  fields: (t) => ({
    key: t.exposeString('key', {
      description: 'The key itself, for the header X-API-Key. It is shown this once and kept nowhere.',
    }),
    apiKey: t.field({
      type: ApiKeyType,
      description: 'What is known of it from now on.',
      resolve: (created) => created.apiKey,
    }),
  }),
});

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A key to make.',
  fields: (t) => ({
    name: t.string({ description: 'What it is for, up to 100 characters.' }),
    scopes: t.field({
      type: [ScopeEnum],
      description: 'What it may do: no more than you may yourself.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      required: false,
      description: 'From when on it is refused; left out, it does not expire.',
    }),
  }),
});

builder.queryField('apiKeys', (t) =>
  t.prismaField({
    type: [ApiKeyType],
    description: 'The viewer’s keys, newest first; ended ones come last and vanish after 90 days.',
    resolve: (query, _root, _args, { services, viewer }) => listApiKeys(services, viewer, query),
  }),
);

builder.mutationField('createApiKey', (t) =>
  t.field({
    type: CreatedApiKeyType,
    description: 'Makes a key that acts for the viewer, who may have 50.',
    args: { input: t.arg({ type: CreateApiKeyInput, description: 'What to make.' }) },
    errors: { types: [...expectedErrors, TooManyRequestsError] },
    resolve: (_root, { input }, { services, viewer }) => createApiKey(services, viewer, input),
  }),
);

builder.mutationField('revokeApiKey', (t) =>
  t.prismaField({
    type: ApiKeyType,
    description: 'Ends a key at once, with everything that it has open.',
    args: { id: t.arg.id({ description: 'The key’s global id.' }) },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: (_query, _root, { id }, { services, viewer }) =>
      revokeApiKey(services, viewer, localId('ApiKey', id)),
  }),
);
