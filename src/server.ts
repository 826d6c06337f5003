import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger as PinoLogger } from 'pino';
import { openWorker } from '../worker/worker.ts';
import { createApp } from './app.ts';
import { authenticateOwner } from './auth/api-key.ts';
import { createAuthenticate } from './auth/authenticate.ts';
import { createSessionCookie } from './auth/session-cookie.ts';
import type { Config } from './config.ts';
import { untilTurnsEnd } from './domain/chat/running.ts';
import { configureSyncOnce } from './domain/sync/config.ts';
import { ensureOwner } from './domain/user.ts';
import type { Authenticate, Viewer } from './domain/viewer.ts';
import { atMost } from './infra/patience.ts';
import { serverUrl } from './server-url.ts';
import { type OpenServices, openServices } from './services.ts';

/** How often connections are looked through for headers that do not come; the library's own 30 s keep an attacker's too long. */
const CONNECTION_CHECK_MS = 5_000;

/** What is written of broken-off answers is written at once, or not at all. */
const TURNS_PATIENCE_MS = 3_000;

export interface RunningServer {
  /** Where it listens, such as http://127.0.0.1:8088 */
  url: string;
  apiKey: string;
  /** True at the first start: the one time to show the key. */
  apiKeyMade: boolean;
  /** Ends streams, answers what was begun, hands jobs back, closes everything. */
  close(): Promise<void>;
}

/** Opens the whole server, with a worker in this process when there is no Redis. Throws when it cannot. */
export async function startServer(config: Config, logger: PinoLogger): Promise<RunningServer> {
  return serve(await openServices(config, logger), config, logger);
}

/**
 * Serves on what is open, and closes it in the end or when it cannot. `authenticator` decides, from the owner's key and
 * viewer, whom the server knows beside the users' own keys.
 */
export async function serve(
  opened: OpenServices,
  config: Config,
  logger: PinoLogger,
  authenticator: (ownerKey: string, owner: Viewer) => Authenticate = authenticateOwner,
): Promise<RunningServer> {
  try {
    const { services, apiKey, apiKeyMade } = opened;
    const owner = await ensureOwner(services);
    await configureSyncOnce(services, owner, config.sync.initial);
    if (config.environment === 'production' && config.google?.allowedEmails === null) {
      logger.warn('ALLOWED_EMAILS is not set: everybody with a Google account can sign in to this server');
    }
    const cookie = createSessionCookie(apiKey, {
      secure: config.environment === 'production',
      lifetimeMs: config.sessions.lifetimeMs,
    });
    const authenticate = createAuthenticate(services, authenticator(apiKey, owner), cookie);
    const app = createApp(services, { authenticate, cookie }, config, logger);
    const server = createServer({ connectionsCheckingInterval: CONNECTION_CHECK_MS }, app.handler);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(config.http.port, config.http.host, resolve);
    });
    // Only now, for what runs by itself would have to be stopped again when the port is taken.
    const closeSockets = app.attachTo(server);
    const worker = opened.embedded
      ? openWorker(services, opened.workerBackend, { ...config.worker, ...config.sync })
      : null;
    const { port } = server.address() as AddressInfo;
    return {
      url: serverUrl(config.http.host, port),
      apiKey,
      apiKeyMade,
      async close() {
        const closed = new Promise((resolve) => server.close(resolve));
        await closeSockets();
        await worker?.close();
        server.closeIdleConnections();
        // Streams of server-sent events end only with their connection.
        server.closeAllConnections();
        await closed;
        // Whose readers are gone now: they still write how they ended.
        await atMost(TURNS_PATIENCE_MS, untilTurnsEnd(services));
        await opened.close();
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
