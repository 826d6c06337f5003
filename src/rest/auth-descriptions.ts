/** What GET /openapi.json says of the routes in auth.ts. */
import { z } from 'zod';
import type { DescribedRoute, RouteDescription } from './openapi/description.ts';

const whoIsThere = z.strictObject({
  authenticated: z.boolean(),
  user: z
    .strictObject({
      email: z.string().nullable(),
      display_name: z.string().nullable(),
      picture: z.string().nullable(),
      verified_email: z.boolean(),
    })
    .optional(),
});

export const user: RouteDescription = { summary: 'Who is signed in.', scope: null, answer: whoIsThere };

/** Those that express-session serves, which stand in no table. */
export const signInRoutes: DescribedRoute[] = [
  {
    method: 'get',
    path: '/auth/login',
    about: {
      summary: 'Sign in with Google.',
      details:
        'Answers 302 to Google, with state and PKCE, first to itself under the name of REDIRECT_URI where that is another one, and 501 when Google is not configured.',
      scope: null,
      query: z.object({
        returnTo: z.string().optional().meta({ description: 'A path of this server; `/` without it.' }),
        link: z.enum(['true', 'false']).optional().meta({ description: 'Link the account of the owner.' }),
      }),
      status: 302,
      answer: { mediaTypes: ['text/html'] },
      errors: ['NOT_SIGNED_IN', 'NOT_ALLOWED', 'TOO_MANY_REQUESTS'],
    },
  },
  {
    method: 'get',
    path: '/auth/callback',
    about: {
      summary: 'Where Google sends the browser back to.',
      details:
        'Answers 302 with the session cookie, and 400 on a wrong state, a denial or a replay; 501 when Google is not configured. To a program refusals are JSON.',
      scope: null,
      status: 302,
      answer: { mediaTypes: ['text/html'] },
      errors: ['TOO_MANY_REQUESTS'],
    },
  },
  {
    method: 'post',
    path: '/auth/key',
    about: {
      summary: 'Sign in with an API key.',
      details: 'Sets the session cookie.',
      scope: null,
      body: z.object({ api_key: z.string() }),
      answer: whoIsThere,
      errors: ['NOT_SIGNED_IN', 'TOO_MANY_REQUESTS'],
    },
  },
  {
    method: 'post',
    path: '/auth/logout',
    about: {
      summary: 'Sign out: the session is gone on the server.',
      scope: null,
      answer: z.strictObject({ message: z.string() }),
      errors: ['NOT_SIGNED_IN', 'NOT_ALLOWED', 'TOO_MANY_REQUESTS'],
    },
  },
];
