import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to whoever asks for none, such as every client (ip_local_port_range, 32768 and above), and above those that browsers refuse. */
const FIRST_PORT = 11_000;
const PORTS_OF_A_WORKER = 2_400;
const WORKERS = 9;

const given = new Set<number>();

/**
 * A port on which nobody listens, for a server that is yet to start, or to start again: no client is given it meanwhile, and no
 * test of another worker.
 */
export async function findFreePort(): Promise<number> {
  const worker = Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS;
  for (;;) {
    const port = FIRST_PORT + worker * PORTS_OF_A_WORKER + randomInt(PORTS_OF_A_WORKER);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
