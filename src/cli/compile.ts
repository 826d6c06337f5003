/**
 * Loads all that a server and a worker load, so that Node keeps what it makes of it, for an image whose files cannot be
 * written later: node --import ./src/infra/compile-cache.js src/cli/compile.ts
 */
import { flushCompileCache } from 'node:module';

await import('../server.ts');
// Loaded only by who needs them.
await Promise.all([
  import('../infra/llm.ts'),
  import('../infra/embeddings.ts'),
  import('../infra/files/s3-files.ts'),
  import('../infra/schema-engine.ts'),
  import('../infra/tracing.ts'),
  import('../infra/queue-board.ts'),
]);
flushCompileCache();
