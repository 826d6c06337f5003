import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** The bytes of a zip with these files. */
export async function zipOf(files: Record<string, string | Buffer>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  return buffer(zip.outputStream);
}

/** An export of these conversations in one file, or in files of `perShard` each. */
export function exportOf(conversations: object[], options: { perShard?: number } = {}): Promise<Buffer> {
  const { perShard } = options;
  if (perShard === undefined) return zipOf({ 'conversations.json': JSON.stringify(conversations) });
  const files: Record<string, string> = {};
  for (let at = 0; at < conversations.length; at += perShard) {
    const name = `conversations-${String(at / perShard).padStart(3, '0')}.json`;
    files[name] = JSON.stringify(conversations.slice(at, at + perShard));
  }
  return zipOf(files);
}

export interface ServedFile {
  url: string;
  /** Sends the rest of a file that is held. */
  release(): void;
  /** Serves other bytes at the same URL. */
  replace(content: Buffer): void;
  /** The status of every answer so far. */
  answers: number[];
}

export interface ExportServer {
  /** As EXPORT_ALLOWED_HOSTS wants it. */
  host: string;
  /**
   * Serves a file from now on. A `held` one stops half-way until it is released, so that a sync can be watched while it
   * runs. `query` is part of the URL alone, as the secret of a signed link is. A request that names the `etag` is answered with 304.
   */
  serve(
    content: Buffer | string,
    options?: { held?: boolean; query?: string; type?: string; etag?: string },
  ): ServedFile;
  close(): Promise<void>;
}

/** A web server on loopback, such as the one from which a user fetches an export. */
export async function startExportServer(): Promise<ExportServer> {
  const files = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  const server = createServer((request, response) => {
    const send = files.get(request.url?.split('?')[0] ?? '');
    if (send) send(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    serve(content, { held = false, query = '', type = 'application/zip', etag } = {}) {
      const path = `/${files.size}/export.zip`;
      let bytes: Buffer = Buffer.from(content);
      const answers: number[] = [];
      const gate = Promise.withResolvers<void>();
      if (!held) gate.resolve();
      files.set(path, async (request, response) => {
        const version = etag === undefined ? {} : { etag };
        const status = etag !== undefined && request.headers['if-none-match'] === etag ? 304 : 200;
        answers.push(status);
        if (status === 304) return response.writeHead(status, version).end();
        const sent = bytes;
        const half = Math.floor(sent.length / 2);
        response.writeHead(status, { 'content-type': type, 'content-length': sent.length, ...version });
        response.write(sent.subarray(0, half));
        await gate.promise;
        response.end(sent.subarray(half));
      });
      const replace = (next: Buffer) => {
        bytes = next;
      };
      return { url: `http://${host}${path}${query}`, release: gate.resolve, replace, answers };
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
