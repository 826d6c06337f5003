import { listAllAuditEvents, listAuditEvents } from '../domain/audit.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import type { Credential } from '../domain/viewer.ts';
import { builder } from './builder.ts';

const CredentialKindEnum = builder.enumType('CredentialKind', {
  description: 'With what somebody proved who they are.',
  values: {
    OWNER_KEY: { value: 'owner-key', description: 'The key of the server’s configuration.' },
    API_KEY: { value: 'api-key', description: 'A key that a user made.' },
    SESSION: { value: 'session', description: 'A browser that is signed in.' },
  } satisfies Record<string, { value: Credential['kind']; description: string }>,
});

const AuditEventType = builder.prismaObject('AuditEvent', {
  description: 'Something that was done to an account: who, when, from where.',
  fields: (t) => ({
    at: t.expose('createdAt', { type: 'DateTime', description: 'When.' }),
    action: t.exposeString('action', { description: 'What, such as sync.started or api_key.revoked.' }),
    userId: t.id({
      select: { userId: true },
      description: 'Whose account: the user’s global id.',
      resolve: (event) => encodeId('User', event.userId),
    }),
    who: t.string({
      nullable: true,
      select: { user: { select: { email: true, displayName: true } } },
      description: 'Their e-mail address, or their name where that is all that is known.',
      resolve: ({ user }) => user.email ?? user.displayName,
    }),
    credential: t.field({
      type: CredentialKindEnum,
      nullable: true,
      select: { credential: true },
      description: 'With what; null for what the server did by itself.',
      resolve: (event) => event.credential as Credential['kind'] | null,
    }),
    credentialId: t.id({
      nullable: true,
      select: { credential: true, credentialId: true },
      description: 'Global id of the API key or session, which may be gone by now.',
      resolve: ({ credential, credentialId }) => {
        if (credentialId === null) return null;
        return encodeId(credential === 'api-key' ? 'ApiKey' : 'Session', credentialId);
      },
    }),
    address: t.exposeString('address', { nullable: true, description: 'From which address.' }),
    userAgent: t.exposeString('userAgent', {
      nullable: true,
      description: 'What the client called itself.',
    }),
    subject: t.exposeString('subject', {
      nullable: true,
      description: 'What it was done to, for a person.',
    }),
  }),
});

builder.prismaObjectField('User', 'auditLog', (t) =>
  t.prismaConnection({
    type: AuditEventType,
    cursor: 'userId_id',
    description: 'What was done to the viewer’s account, newest first; kept for 400 days.',
    resolve: (page, _user, _args, { services, viewer }) => listAuditEvents(services, viewer, page),
  }),
);

builder.queryField('auditLog', (t) =>
  t.prismaConnection({
    type: AuditEventType,
    cursor: 'userId_id',
    description: 'What was done to every account, newest first. For the owner, with the scope ADMIN.',
    args: {
      userId: t.arg.id({ required: false, description: 'Only this account: the user’s global id.' }),
    },
    resolve: (page, _root, { userId }, { services, viewer }) =>
      listAllAuditEvents(services, viewer, { userId: userId ? localId('User', userId) : null }, page),
  }),
);
