import { glob, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/** The parts of the code, the longest path that fits first. `generated` is Prisma's client and Pothos's types. */
const parts = {
  archive: 'src/archive/',
  jobs: 'src/jobs/',
  text: 'src/text/',
  domain: 'src/domain/',
  infra: 'src/infra/',
  /** What threads load. */
  threads: 'src/infra/threads/',
  auth: 'src/auth/',
  graphql: 'src/graphql/',
  rest: 'src/rest/',
  mcp: 'src/mcp/',
  cli: 'src/cli/',
  /** What runs in the browser. */
  web: 'src/web/',
  generated: 'src/generated/',
  /** config.ts and its folder. */
  config: 'src/config',
  ownMemory: 'src/own-memory.ts',
  requestContext: 'src/request-context.ts',
  services: 'src/services.ts',
  /** The composition roots: main, app and server. */
  roots: 'src/',
  worker: 'worker/',
  bench: 'bench/',
} as const;
type Part = keyof typeof parts;

/** Who may import whom; `types` of a part are what vanishes when the code runs. */
const mayImport: Record<Part, { all: Part[]; types?: Part[] }> = {
  archive: { all: ['ownMemory'] },
  jobs: { all: [] },
  text: { all: [] },
  domain: { all: ['text', 'ownMemory'], types: ['archive', 'jobs', 'generated'] },
  infra: { all: ['domain', 'jobs', 'generated', 'text', 'ownMemory'], types: ['config'] },
  threads: { all: ['archive', 'domain', 'text', 'ownMemory'] },
  auth: { all: ['domain'] },
  graphql: { all: ['domain', 'generated', 'requestContext'] },
  rest: { all: ['domain', 'auth', 'requestContext'], types: ['generated'] },
  mcp: { all: ['domain', 'auth', 'requestContext'], types: ['generated'] },
  cli: { all: ['config', 'roots', 'services', 'domain', 'infra', 'graphql', 'bench'] },
  /** A client of the public API alone. */
  web: { all: ['generated'] },
  generated: { all: [] },
  config: { all: [] },
  ownMemory: { all: [] },
  requestContext: { all: [] },
  services: { all: ['archive', 'domain', 'infra', 'config'] },
  roots: {
    all: [
      'domain',
      'infra',
      'auth',
      'graphql',
      'rest',
      'mcp',
      'config',
      'requestContext',
      'services',
      'worker',
    ],
  },
  worker: {
    all: ['archive', 'domain', 'jobs', 'infra', 'config', 'services', 'text', 'ownMemory'],
    types: ['generated'],
  },
  bench: { all: [] },
};

/** The only places that know a package. A new one needs a home here. */
const homes: Record<string, Part[]> = {
  unzipper: ['archive'],
  '@orama/stemmers': ['text'],
  porter2: ['text'],
  zod: ['jobs', 'domain', 'config', 'mcp', 'rest'],
  'zod-openapi': ['rest'],
  uuid: ['domain', 'rest'],
  dataloader: ['domain'],
  piscina: ['infra', 'threads'],
  pg: ['infra'],
  'tar-stream': ['infra'],
  'pg-copy-streams': ['infra'],
  '@prisma/adapter-pg': ['infra'],
  '@prisma/driver-adapter-utils': ['infra'],
  '@prisma/schema-engine-wasm': ['infra'],
  ioredis: ['infra'],
  'graphql-redis-subscriptions': ['infra'],
  bullmq: ['infra', 'worker'],
  'prom-client': ['infra'],
  'bullmq-otel': ['infra'],
  '@bull-board/api': ['infra'],
  '@bull-board/express': ['infra'],
  '@opentelemetry/api': ['infra', 'roots'],
  '@opentelemetry/context-async-hooks': ['infra'],
  '@opentelemetry/core': ['infra'],
  '@opentelemetry/exporter-trace-otlp-http': ['infra'],
  '@opentelemetry/resources': ['infra'],
  '@opentelemetry/sdk-trace': ['infra'],
  '@opentelemetry/semantic-conventions': ['infra', 'roots'],
  undici: ['infra'],
  openai: ['infra'],
  'gpt-tokenizer': ['infra'],
  'ipaddr.js': ['infra'],
  'rate-limiter-flexible': ['infra'],
  'proxy-addr': ['config', 'roots'],
  '@aws-sdk/client-s3': ['infra'],
  '@aws-sdk/lib-storage': ['infra'],
  pino: ['infra', 'roots'],
  'pino-http': ['roots'],
  graphql: ['graphql', 'cli'],
  '@graphql-codegen/core': ['cli'],
  '@graphql-codegen/typed-document-node': ['cli'],
  '@graphql-codegen/typescript-operations': ['cli'],
  vite: ['web'],
  '@vitejs/plugin-react': ['web'],
  'vite-plugin-compression2': ['web'],
  react: ['web'],
  'react-dom': ['web'],
  '@tanstack/react-query': ['web'],
  '@tanstack/react-virtual': ['web'],
  'chart.js': ['web'],
  'lucide-react': ['web'],
  'react-markdown': ['web'],
  'rehype-highlight': ['web'],
  'rehype-katex': ['web'],
  'rehype-sanitize': ['web'],
  'remark-gfm': ['web'],
  'remark-math': ['web'],
  'tus-js-client': ['web'],
  unified: ['web'],
  wouter: ['web'],
  'express-static-gzip': ['roots'],
  '@whatwg-node/server': ['graphql'],
  '@escape.tech/graphql-armor-max-aliases': ['graphql'],
  '@escape.tech/graphql-armor-max-depth': ['graphql'],
  '@escape.tech/graphql-armor-max-directives': ['graphql'],
  '@escape.tech/graphql-armor-max-tokens': ['graphql'],
  '@pothos/core': ['graphql'],
  '@pothos/plugin-complexity': ['graphql'],
  '@pothos/plugin-errors': ['graphql'],
  '@pothos/plugin-prisma': ['graphql'],
  '@pothos/plugin-relay': ['graphql'],
  'graphql-yoga': ['graphql'],
  '@graphql-yoga/plugin-csrf-prevention': ['graphql'],
  '@graphql-yoga/render-graphiql': ['graphql'],
  'graphql-ws': ['graphql', 'web'],
  ws: ['graphql'],
  '@repeaterjs/repeater': ['graphql'],
  cors: ['roots'],
  helmet: ['roots'],
  '@modelcontextprotocol/server': ['mcp'],
  '@modelcontextprotocol/node': ['mcp'],
  express: ['auth', 'rest', 'mcp', 'infra', 'roots'],
  'express-session': ['auth'],
  'on-headers': ['roots'],
  passport: ['auth'],
  'passport-google-oauth20': ['auth'],
  cookie: ['auth'],
  'cookie-signature': ['auth'],
  bowser: ['graphql'],
  '@fastify/busboy': ['rest'],
  '@tus/file-store': ['rest'],
  '@tus/server': ['rest'],
  'content-disposition': ['rest'],
  fresh: ['rest'],
  'file-type': ['archive'],
  'mime-types': ['archive'],
  'graphql-sse': ['cli', 'web'],
  'cli-progress': ['cli'],
  'close-with-grace': ['infra'],
  chokidar: ['worker'],
  yazl: ['worker'],
  marked: ['domain'],
  'sanitize-html': ['domain'],
};

interface Import {
  file: string;
  target: string;
  typesOnly: boolean;
}

/** As the formatter writes them; a statement holds no semicolon or quote before its target. */
const statement = /^(?:import|export)\s(?:(type\s)?([^;']*?)\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm;

async function readImports(): Promise<Import[]> {
  const found: Import[] = [];
  for await (const file of glob(['src/**/*.{ts,tsx}', 'worker/**/*.ts'])) {
    if (partOf(file) === 'generated') continue;
    const text = await readFile(file, 'utf8');
    for (const [, type, names, from, dynamic] of text.matchAll(statement)) {
      const target = from ?? dynamic ?? '';
      const named = names
        ?.match(/^\{(.*)\}$/s)?.[1]
        ?.split(',')
        .filter((name) => name.trim() !== '');
      const typesOnly = Boolean(type) || (named?.every((name) => name.trim().startsWith('type ')) ?? false);
      found.push({ file, target, typesOnly });
    }
  }
  return found;
}

function partOf(path: string): Part {
  const fitting = Object.entries(parts)
    .filter(([, prefix]) => path.startsWith(prefix))
    .toSorted(([, a], [, b]) => b.length - a.length);
  const [part] = fitting[0] ?? [];
  if (!part) throw new Error(`${path} belongs to no part`);
  return part as Part;
}

function faultOf({ file, target, typesOnly }: Import): string | null {
  if (target.startsWith('node:')) return null;
  const from = partOf(file);
  if (!target.startsWith('.')) {
    const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/');
    return homes[name]?.includes(from) ? null : `${file} imports the package ${name}`;
  }
  const to = partOf(normalize(join(dirname(file), target)));
  const { all, types = [] } = mayImport[from];
  if (to === from || all.includes(to)) return null;
  if (!types.includes(to)) return `${file} imports ${target}`;
  return typesOnly ? null : `${file} imports more than types of ${target}`;
}

test('every import goes the way that the table allows', async () => {
  const imports = await readImports();
  expect(imports.length).toBeGreaterThan(300);
  expect(imports.map(faultOf).filter((fault) => fault !== null)).toEqual([]);
});

test('the table would notice a wrong turn', () => {
  const wrong: Import[] = [
    { file: 'src/domain/user.ts', target: '../graphql/builder.ts', typesOnly: true },
    { file: 'src/domain/user.ts', target: '../archive/zip.ts', typesOnly: false },
    { file: 'src/graphql/user.ts', target: '../rest/router.ts', typesOnly: false },
    { file: 'worker/sync.ts', target: '../src/app.ts', typesOnly: false },
    { file: 'src/domain/user.ts', target: 'ioredis', typesOnly: true },
    { file: 'src/web/app.tsx', target: '../domain/user.ts', typesOnly: true },
    { file: 'src/rest/health.ts', target: '@pothos/core/x', typesOnly: false },
  ];
  expect(wrong.map(faultOf)).not.toContain(null);
});
