import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createMask } from '../../src/graphql/mask.ts';
import { createLogger } from '../../src/infra/logger.ts';

test('a client that leaves in the middle of its body is told from a store that is away', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : null;
  const sent = request({ host: '127.0.0.1', port, method: 'POST', headers: { 'content-length': '9' } });
  sent.on('error', () => undefined);
  sent.write('part');
  const [received] = (await once(server, 'request')) as [IncomingMessage];
  const reading = buffer(received).catch((error: unknown) => error);
  sent.destroy();
  const error = await reading;
  server.close();

  const logged: string[] = [];
  const logger = createLogger({ logLevel: 'trace' }, 'test', { write: (line) => void logged.push(line) });
  const mask = createMask(logger);
  expect(mask(error).message).toBe('The client left.');
  expect(logged).toEqual([]);
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  expect(mask(away).message).toMatch(/does not answer/);
  expect(logged).toHaveLength(1);
});
