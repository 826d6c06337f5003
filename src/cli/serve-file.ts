import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

/** Serves one file on loopback, so that a file on this machine can be imported like any other export. */
export async function serveFile(path: string): Promise<{ url: string; host: string; close(): void }> {
  const { size } = await stat(path);
  const name = `/${encodeURIComponent(basename(path))}`;
  const server = createServer((request, response) => {
    if (request.url !== name) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'application/zip', 'content-length': size });
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}${name}`,
    host,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
