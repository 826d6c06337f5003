import { getViewerUser, userKey } from '../domain/user.ts';
import { builder } from './builder.ts';

builder.prismaNode('User', {
  description: 'A person whose history this server keeps.',
  nullable: true,
  id: { resolve: (user) => user.id, description: 'Global id.' },
  findUnique: (id, { viewer }) => userKey(viewer, id),
  fields: (t) => ({
    email: t.exposeString('email', {
      nullable: true,
      description: 'Null for an owner who never signed in with Google.',
    }),
    displayName: t.exposeString('displayName', { nullable: true, description: 'How to address them.' }),
    emailVerified: t.exposeBoolean('emailVerified', {
      description: 'Whether Google has made sure of the address.',
    }),
    pictureUrl: t.exposeString('pictureUrl', {
      nullable: true,
      description: 'Where Google keeps their picture.',
    }),
    isOwner: t.exposeBoolean('isOwner', { description: 'Whether they hold the server’s API_KEY.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they first came.' }),
  }),
});

const SignInMethodType = builder.enumType('SignInMethod', {
  description: 'A way to sign in.',
  values: {
    GOOGLE: { description: 'At /auth/login.' },
    API_KEY: { description: 'With a key, at POST /auth/key.' },
  },
});

builder.queryField('signInMethods', (t) =>
  t.field({
    type: [SignInMethodType],
    description: 'How this server lets people sign in; told to everybody.',
    resolve: (_root, _args, { signInMethods }) => signInMethods,
  }),
);

builder.queryField('viewer', (t) =>
  t.prismaField({
    type: 'User',
    nullable: true,
    description: 'Who asks; null when nobody is signed in.',
    resolve: (query, _root, _args, { services, viewer }) => getViewerUser(services, viewer, query),
  }),
);
