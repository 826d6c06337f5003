import Bowser from 'bowser';
import { NotFoundError } from '../domain/errors.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import {
  endOtherSessions,
  endSession,
  listSessions,
  type SessionEntry,
  signOut,
  signOutEverywhere,
} from '../domain/session.ts';
import { unlinkGoogle } from '../domain/sign-in.ts';
import { builder } from './builder.ts';
import { expectedErrors } from './errors.ts';

/** Such as "Firefox on Windows"; a system that cannot be told is left out. */
function describeDevice(userAgent: string | null): string {
  if (!userAgent) return 'Unknown device';
  const { browser, os } = Bowser.parse(userAgent);
  const name = browser.name || 'Unknown browser';
  return os.name ? `${name} on ${os.name}` : name;
}

const SessionType = builder.objectRef<SessionEntry>('Session').implement({
  description: 'A browser that is signed in.',
  fields: (t) => ({
    id: t.id({
      description: 'What `endSession` takes.',
      resolve: (session) => encodeId('Session', session.id),
    }),
    device: t.string({
      description: 'Browser and system, in words.',
      resolve: (session) => describeDevice(session.userAgent),
    }),
    address: t.exposeString('address', {
      nullable: true,
      description: 'The address from which it was last seen.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it signed in.' }),
    lastSeenAt: t.expose('lastSeenAt', {
      type: 'DateTime',
      description: 'When it was last used, to within a minute.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'When it must sign in again, however much it is used.',
    }),
    current: t.boolean({
      description: 'Whether this request came with it.',
      resolve: ({ id }, _args, { viewer }) =>
        viewer?.credential?.kind === 'session' && viewer.credential.id === id,
    }),
  }),
});

builder.prismaObjectField('User', 'sessions', (t) =>
  t.field({
    type: [SessionType],
    description: 'The viewer’s browsers that are signed in, those seen last first.',
    resolve: (_user, _args, { services, viewer }) => listSessions(services, viewer),
  }),
);

const SignedOut = builder.objectRef<{ sessions: number }>('SignedOut').implement({
  description: 'Sessions were ended, and with them every subscription that they had open.',
  fields: (t) => ({ sessions: t.exposeInt('sessions', { description: 'How many.' }) }),
});

builder.mutationField('signOut', (t) =>
  t.field({
    type: SignedOut,
    description: 'Ends the session that this request came with.',
    errors: { types: expectedErrors },
    resolve: async (_root, _args, { services, viewer }) => ({ sessions: await signOut(services, viewer) }),
  }),
);

builder.mutationField('signOutEverywhere', (t) =>
  t.field({
    type: SignedOut,
    description: 'Ends all of the viewer’s sessions, this one as well. API keys stay.',
    errors: { types: expectedErrors },
    resolve: async (_root, _args, { services, viewer }) => ({
      sessions: await signOutEverywhere(services, viewer),
    }),
  }),
);

builder.mutationField('endOtherSessions', (t) =>
  t.field({
    type: SignedOut,
    description:
      'Ends the viewer’s sessions but the one that this request came with; all of them when it came with a key. API keys stay.',
    errors: { types: expectedErrors },
    resolve: async (_root, _args, { services, viewer }) => ({
      sessions: await endOtherSessions(services, viewer),
    }),
  }),
);

builder.mutationField('unlinkGoogle', (t) =>
  t.field({
    type: SignedOut,
    description:
      'Takes the owner’s Google account away and ends all of their sessions; the server’s API_KEY still opens the account. Needs the scope ADMIN.',
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: async (_root, _args, { services, viewer }) => ({
      sessions: await unlinkGoogle(services, viewer),
    }),
  }),
);

builder.mutationField('endSession', (t) =>
  t.field({
    type: SignedOut,
    description: 'Ends one of the viewer’s sessions.',
    args: { id: t.arg.id({ description: 'The session’s id.' }) },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: async (_root, { id }, { services, viewer }) => ({
      sessions: await endSession(services, viewer, localId('Session', id)),
    }),
  }),
);
