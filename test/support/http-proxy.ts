import { Agent, createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';

const CHECK_MS = 50;

export interface HttpProxy {
  /** Where it listens, whatever stands behind it. */
  url: string;
  /** Shares requests among these servers from now on; what is under way ends where it began. */
  lead(urls: string[]): void;
  /** Those that said lately that they are ready. */
  ready(): string[];
  close(): Promise<void>;
}

/**
 * What stands before several servers of the API: it asks each again and again whether it is ready, sends requests in turn
 * to those that are, keeps its connections, and tries nothing twice. Who is unlucky gets a 502.
 */
export async function startHttpProxy(): Promise<HttpProxy> {
  let targets: string[] = [];
  let ready: string[] = [];
  let turn = 0;
  const agent = new Agent({ keepAlive: true });
  const check = async () => {
    const answers = await Promise.all(
      targets.map((url) =>
        fetch(`${url}/readyz`)
          .then(({ ok }) => ok)
          .catch(() => false),
      ),
    );
    ready = targets.filter((_url, index) => answers[index]);
  };
  let checking = Promise.resolve();
  const timer = setInterval(() => {
    checking = checking.then(check);
  }, CHECK_MS);

  const server = createServer((request, response) => {
    turn += 1;
    const target = ready[turn % ready.length];
    const refuse = () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    };
    if (!target) return refuse();
    const { connection: _ours, ...headers } = request.headers;
    const onward = forward(new URL(request.url ?? '/', target), { method: request.method, headers, agent });
    onward.on('error', refuse).on('response', (answer) => {
      const { connection: _theirs, ...fields } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, fields);
      answer.on('error', refuse).pipe(response);
    });
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  // Otherwise it closes connections of its own clients that were idle for five seconds, maybe just when one is used again.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead(urls) {
      targets = urls;
    },
    ready: () => ready,
    async close() {
      clearInterval(timer);
      await checking;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      agent.destroy();
    },
  };
}
