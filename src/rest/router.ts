import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type NextFunction, type Request, type Response, type Router } from 'express';
import { credentialsOf } from '../auth/credentials.ts';
import { createCredentialWatch } from '../domain/credential.ts';
import { InvalidInputError, NotSignedInError } from '../domain/errors.ts';
import { forReading, noteWrite } from '../domain/reading.ts';
import type { Services } from '../domain/services.ts';
import { type Authenticate, requireScope, type Viewer } from '../domain/viewer.ts';
import { currentRequestId } from '../request-context.ts';
import { assetRoutes } from './asset.ts';
import { authRoutes } from './auth.ts';
import { signInRoutes } from './auth-descriptions.ts';
import { chatRoutes } from './chat.ts';
import { conversationRoutes } from './conversation.ts';
import { untilSignedOut, watchWhileOpen } from './credential-guard.ts';
import { documentRoutes } from './document.ts';
import { exportRoutes } from './export.ts';
import { healthRoutes } from './health.ts';
import { ingestRoutes } from './ingest.ts';
import { bodyOf } from './json-body.ts';
import { metricsRoutes } from './metrics.ts';
import type { DescribedRoute } from './openapi/description.ts';
import { descriptionRoutes } from './openapi/routes.ts';
import { reindexRoutes } from './reindex.ts';
import { createResumableUpload, RESUMABLE_UPLOAD_PATH } from './resumable-upload.ts';
import { searchRoutes } from './search.ts';
import { syncRoutes } from './sync.ts';

/** What a handler gets of a request: nothing of Express. */
export interface Call {
  viewer: Viewer | null;
  body: Record<string, unknown>;
  query: Record<string, unknown>;
  params: Record<string, string>;
  headers: IncomingHttpHeaders;
  requestId: string;
  /** The body as it comes, for a route that reads it itself. */
  stream: AsyncIterable<Uint8Array>;
  /**
   * Aborts when the client leaves before its answer is complete; with a NotSignedInError as its reason when the key or
   * session that it came with counts no more.
   */
  signal: AbortSignal;
}

/** JSON, or a stream with headers of its own. */
export type Answer =
  | { status?: number; body: object; headers?: Record<string, string>; stream?: undefined }
  | {
      status?: number;
      stream: Readable;
      headers: Record<string, string | number>;
      /** Heeds the call's signal, and tells its reader why it ends; any other is cut off. */
      endsItself?: true;
    };

export interface Route extends DescribedRoute {
  /** Changes nothing, though it is no GET. */
  onlyReads?: boolean;
  /** Of a body that may be larger than usual. */
  maxBodyBytes?: number;
  /** Answers everybody the same, and hangs on nothing that a look at a key hangs on: the database, and how many were tried. */
  ignoresViewer?: boolean;
  handle(services: Services, call: Call): Promise<Answer>;
}

/** Every REST route, in the order in which they are tried. */
export const routes: Route[] = [
  ...healthRoutes,
  ...authRoutes,
  ...syncRoutes,
  ...ingestRoutes,
  ...assetRoutes,
  ...chatRoutes,
  ...conversationRoutes,
  ...exportRoutes,
  ...searchRoutes,
  ...documentRoutes,
  ...reindexRoutes,
  ...metricsRoutes,
  ...descriptionRoutes(() => [...signInRoutes, ...routes]),
];

const MAX_BODY_BYTES = 256 * 1024;

const streamPaths = new Set(routes.filter((route) => route.readsStream).map((route) => route.path));

/** Whether an archive may come to this path, which takes as long as its client's line needs. */
export function takesUpload(path: string): boolean {
  const plain = path.toLowerCase().replace(/\/$/, '');
  return (
    plain === RESUMABLE_UPLOAD_PATH || plain.startsWith(`${RESUMABLE_UPLOAD_PATH}/`) || streamPaths.has(plain)
  );
}

export function createRestRouter(
  services: Services,
  authenticate: Authenticate,
  options: { maxArchiveBytes: number },
): Router {
  const router = express.Router();
  const credentials = createCredentialWatch(services);
  router.all(
    [RESUMABLE_UPLOAD_PATH, `${RESUMABLE_UPLOAD_PATH}/:id`],
    createResumableUpload(services, authenticate, credentials, options),
  );
  for (const route of routes) {
    const takesJson = route.method === 'post' && !route.readsStream;
    router[route.method](
      route.path,
      // First: what is wrong with a request is told to those alone who may make it.
      async (request: Request, response: Response, next: NextFunction) => {
        const viewer = route.ignoresViewer ? null : await authenticate(credentialsOf(request, request.ip));
        if (route.about.scope !== null) requireScope(viewer, route.about.scope);
        response.locals.viewer = viewer;
        next();
      },
      takesJson ? [express.json({ limit: route.maxBodyBytes ?? MAX_BODY_BYTES })] : [],
      async (request: Request, response: Response) => {
        const viewer: Viewer | null = response.locals.viewer;
        const over = new AbortController();
        const { signal } = over;
        const leave = () => {
          if (!response.writableFinished) over.abort();
        };
        // Looking at the key took its time.
        if (response.closed) leave();
        else response.once('close', leave);
        watchWhileOpen(credentials, viewer, response, () => over.abort(new NotSignedInError()));
        const reads = route.method === 'get' || route.onlyReads === true;
        const answer = await route
          .handle(reads ? await forReading(services, viewer) : services, {
            viewer,
            body: takesJson ? bodyOf(request) : {},
            query: request.query,
            params: request.params as Record<string, string>,
            headers: request.headers,
            requestId: currentRequestId(),
            // An answer that comes before the end of the body must still find its connection.
            stream: untilSignedOut(request.iterator({ destroyOnReturn: false }), signal),
            signal,
          })
          .catch((error) => {
            if (signal.reason instanceof NotSignedInError) throw signal.reason;
            throw error instanceof InvalidInputError ? inWordsOf(route, error) : error;
          });
        try {
          if (!reads) await noteWrite(services, viewer);
          response.status(answer.status ?? 200);
          response.set(answer.headers ?? {});
          if (!answer.stream) return response.json(answer.body);
          // Node would send nothing of it, but read it all.
          if (request.method === 'HEAD') return response.end();
          const cutOff = answer.endsItself ? {} : { signal };
          await pipeline(answer.stream, response, cutOff).catch((error) => {
            if (!signal.aborted) throw error;
          });
        } finally {
          // Nobody may have read it: of a client that left before this, the pipeline refuses the response.
          answer.stream?.destroy();
        }
      },
    );
  }
  return router;
}

/** Names each field as the caller wrote it, and where: in the body, or in the query of a GET. */
function inWordsOf({ method, fieldNames = {} }: Route, error: InvalidInputError): InvalidInputError {
  const place = method === 'post' ? 'body' : 'query';
  const fieldErrors = error.fieldErrors.map((field) => ({
    ...field,
    path: [place, ...field.path.map((step) => fieldNames[step] ?? step)],
  }));
  return new InvalidInputError(fieldErrors, error.code);
}
