import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
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
import { asksForWebSocket } from './graphql/websocket.ts';
import { atMost, type Deadline, deadlineIn } from './infra/patience.ts';
import { serverUrl } from './server-url.ts';
import { type OpenServices, openServices } from './services.ts';

/** How often connections are looked through for headers that do not come; the library's own 30 s keep an attacker's too long. */
const CONNECTION_CHECK_MS = 5_000;

/** Of the time to end: what requests and jobs leave is for the connections. */
const WORK_PART = 0.6;

/** What is written of broken-off answers is written at once, or not at all. */
const TURNS_PATIENCE_MS = 3_000;

export interface RunningServer {
  /** Where it listens, such as http://127.0.0.1:8088 */
  url: string;
  apiKey: string;
  /** True at the first start: the one time to show the key. */
  apiKeyMade: boolean;
  /**
   * Is no longer ready, takes requests for SHUTDOWN_DELAY_SECONDS more, ends streams so that clients come again, answers
   * what was begun, hands jobs back, and closes everything, by the deadline.
   */
  close(deadline?: Deadline): Promise<void>;
}

/**
 * Opens the whole server, with a worker in this process when there is no Redis, or none is to be counted on. Throws when it
 * cannot.
 */
export async function startServer(
  config: Config,
  logger: PinoLogger,
  { isAlone = false } = {},
): Promise<RunningServer> {
  const opened = await openServices(config, logger);
  return serve({ ...opened, embedded: opened.embedded || isAlone }, config, logger);
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
    const app = createApp(opened, { authenticate, cookie }, config, logger);
    const server = createServer(
      { connectionsCheckingInterval: CONNECTION_CHECK_MS, shouldUpgradeCallback: asksForWebSocket },
      app.handler,
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(config.http.port, config.http.host, resolve);
    });
    // Only now, for what runs by itself would have to be stopped again when the port is taken.
    const closeSockets = app.attachTo(server);
    const openOwnWorker = () =>
      openWorker(services, opened.workerBackend, { ...config.worker, ...config.sync }).catch(
        async (error) => {
          server.close();
          await closeSockets();
          server.closeAllConnections();
          throw error;
        },
      );
    const worker = opened.embedded ? await openOwnWorker() : null;
    const { port } = server.address() as AddressInfo;
    return {
      url: serverUrl(config.http.host, port),
      apiKey,
      apiKeyMade,
      async close(deadline = deadlineIn(config.shutdown.graceMs)) {
        app.drain.begin();
        const forWork = deadline.share(WORK_PART);
        const handedBack = worker?.close(forWork);
        // Met below; until then nobody is there to hear of its failure, which would end the program.
        handedBack?.catch(() => undefined);
        await setTimeout(forWork.within(config.shutdown.delayMs));
        const answered = new Promise((resolve) => server.close(resolve));
        app.drain.endStreams();
        const work = Promise.all([closeSockets(), answered, handedBack]);
        if (!(await atMost(forWork.within(Number.POSITIVE_INFINITY), work))) {
          logger.warn('requests or jobs that did not end in time are broken off');
        }
        server.closeAllConnections();
        // Whose readers are gone now: they still write how they ended.
        await atMost(deadline.within(TURNS_PATIENCE_MS), untilTurnsEnd(services));
        await opened.close(deadline);
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
