import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { NotFoundError } from '../../domain/errors.ts';
import type { Route } from '../router.ts';
import type { DescribedRoute } from './description.ts';
import { describeRoutes } from './document.ts';

/** Swagger UI's own files, as its package has them. */
const VIEWER_FILES: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>REST routes – Sidecar</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="viewer"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** In a file of its own, for the page may not run what stands in it. */
const START = `SwaggerUIBundle({ url: '/openapi.json', domNode: document.getElementById('viewer'), validatorUrl: null });
`;

/** The description of the API, and the page that shows it. `listRoutes` is called when the description is first asked for. */
export function descriptionRoutes(listRoutes: () => DescribedRoute[]): Route[] {
  let description: object | null = null;
  return [
    {
      method: 'get',
      path: '/openapi.json',
      ignoresViewer: true,
      about: {
        summary: 'This description, in OpenAPI 3.1.',
        scope: null,
        answer: z.looseObject({ openapi: z.string() }),
      },
      async handle() {
        description ??= describeRoutes(listRoutes());
        return { body: description };
      },
    },
    {
      method: 'get',
      path: '/docs',
      ignoresViewer: true,
      about: {
        summary: 'A page that shows this description.',
        scope: null,
        answer: { mediaTypes: ['text/html'] },
      },
      handle: async () => ({
        stream: Readable.from([PAGE]),
        headers: { 'Content-Type': 'text/html; charset=utf-8' },
      }),
    },
    {
      method: 'get',
      path: '/docs/:file',
      ignoresViewer: true,
      about: {
        summary: 'What that page loads.',
        scope: null,
        answer: { mediaTypes: ['text/css', 'text/javascript'] },
      },
      async handle(_services, { params: { file = '' } }) {
        const headers = { 'Cache-Control': 'max-age=86400' };
        if (file === 'start.js') {
          const type = 'text/javascript; charset=utf-8';
          return { stream: Readable.from([START]), headers: { ...headers, 'Content-Type': type } };
        }
        const type = Object.hasOwn(VIEWER_FILES, file) ? VIEWER_FILES[file] : undefined;
        if (!type) throw new NotFoundError('file');
        const path = fileURLToPath(import.meta.resolve(`swagger-ui-dist/${file}`));
        return { stream: createReadStream(path), headers: { ...headers, 'Content-Type': type } };
      },
    },
  ];
}
