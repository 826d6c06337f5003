import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from 'zod-openapi';
import type { ErrorCode } from '../../domain/errors.ts';
import { statuses } from '../errors.ts';
import type { DescribedRoute } from './description.ts';
import { failures, unexpectedFailure, unreadableBody } from './failures.ts';

const ABOUT = `Sidecar's REST routes beside its GraphQL API at \`/graphql\`; both answer from the same rows under the same ids.

Send an API key as \`X-API-Key\`, or sign in: then the cookie does. Ids are opaque. Moments are in UTC. Places in a text (\`start\`, \`end\`) count UTF-16 units.`;

/** The OpenAPI 3.1 description of these routes (https://spec.openapis.org/oas/v3.1.1.html). */
export function describeRoutes(routes: DescribedRoute[]): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: describe(route) };
  }
  return createDocument({
    openapi: '3.1.1',
    info: { title: 'Sidecar', version: '1', description: ABOUT, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    components: {
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'sidecar',
          description: 'Set by signing in; in production its name is `__Host-sidecar`.',
        },
      },
    },
    paths,
  });
}

function describe(route: DescribedRoute): ZodOpenApiOperationObject {
  const { method, path, fieldNames = {}, about } = route;
  const ids = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const [, tag = ''] = path.split('/');
  return {
    operationId: [method, ...path.split(/\W+/)].filter((word) => word !== '').join('_'),
    tags: [tag],
    summary: about.summary,
    ...(about.details ? { description: about.details } : {}),
    security: about.scope === null ? [] : [{ apiKey: [about.scope] }, { session: [about.scope] }],
    requestParams: {
      ...(ids.length > 0 ? { path: z.object(Object.fromEntries(ids.map((id) => [id, z.string()]))) } : {}),
      ...(about.query ? { query: inRestNames(about.query, fieldNames) } : {}),
    },
    ...(about.body
      ? {
          requestBody: {
            required: !about.body.safeParse({}).success,
            content: { 'application/json': { schema: inRestNames(about.body, fieldNames) } },
          },
        }
      : {}),
    ...(route.readsStream ? { requestBody: ARCHIVE } : {}),
    responses: responsesOf(route, ids.length > 0),
  };
}

/** A zip as the body itself, or as the file of a form. */
const ARCHIVE: ZodOpenApiOperationObject['requestBody'] = {
  required: true,
  content: {
    'application/zip': { schema: { type: 'string', contentMediaType: 'application/zip' } },
    'multipart/form-data': {
      schema: {
        type: 'object',
        properties: { file: { type: 'string', contentMediaType: 'application/zip' } },
        required: ['file'],
      },
    },
  },
};

function responsesOf({ about, readsStream }: DescribedRoute, hasIds: boolean): ZodOpenApiResponsesObject {
  const { scope, body, query, answer, status = 200, otherAnswers = {}, errors = [] } = about;
  const codes: ErrorCode[] = [
    ...(scope === null ? [] : (['NOT_SIGNED_IN', 'NOT_ALLOWED'] as const)),
    ...(body || query ? (['INVALID_INPUT'] as const) : []),
    ...(hasIds ? (['NOT_FOUND'] as const) : []),
    ...errors,
  ];
  const content =
    answer instanceof z.ZodType
      ? { 'application/json': { schema: answer } }
      : Object.fromEntries(answer.mediaTypes.map((type) => [type, { schema: { type: 'string' as const } }]));
  return {
    [`${status}`]: { description: 'Success.', content },
    ...(body && !readsStream ? unreadableBody : {}),
    ...(readsStream ? { '415': unreadableBody['415'] } : {}),
    ...Object.fromEntries(codes.map((code) => [`${statuses[code]}`, failures[code]])),
    ...Object.fromEntries(
      Object.entries(otherAnswers).map(([other, schema]) => [
        other,
        { description: 'Not now.', content: { 'application/json': { schema } } },
      ]),
    ),
    ...unexpectedFailure,
  };
}

/** What the domain takes, under the names of REST; what a body holds beside them is passed over. */
function inRestNames(schema: z.ZodObject, fieldNames: Record<string, string>): z.ZodObject {
  return z.object(
    Object.fromEntries(
      Object.entries(schema.shape).map(([name, field]) => [fieldNames[name] ?? name, field]),
    ),
  );
}
