import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { SyncError } from '../../domain/errors.ts';
import { isPublicAddress } from './address.ts';
import type { HostRule } from './url.ts';

/** Answers all addresses of a name. */
export type Resolve = (
  hostname: string,
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

const resolveBySystem: Resolve = (hostname, callback) => systemLookup(hostname, { all: true }, callback);

/**
 * Connections that reach only public addresses, save for the hosts that `isAllowed`. The addresses that are judged are
 * the ones connected to: a name is looked up once, and the socket's own peer is judged again.
 */
export function openGuardedAgent(
  isAllowed: HostRule,
  options: { connectTimeoutMs: number; resolve?: Resolve },
): Agent {
  const resolve = options.resolve ?? resolveBySystem;
  const common = { timeout: options.connectTimeoutMs, allowH2: false };
  const connectAnywhere = buildConnector({ ...common, lookup: lookupWith(resolve, () => true) });
  const connectPublic = buildConnector({ ...common, lookup: lookupWith(resolve, isPublicAddress) });

  return new Agent({
    allowH2: false,
    // One request a connection: a reused socket could have been closed, and nothing is gained on large files.
    pipelining: 0,
    connect(target, callback) {
      const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
      if (isAllowed(target.hostname, port)) return connectAnywhere(target, callback);
      // Literal addresses are never looked up.
      if (isIP(target.hostname) > 0 && !isPublicAddress(target.hostname))
        return callback(addressRefused(), null);
      connectPublic(target, (...[error, socket]) => {
        if (error) return callback(error, null);
        if (isPublicAddress(socket.remoteAddress ?? '')) return callback(null, socket);
        socket.destroy();
        callback(addressRefused(), null);
      });
    },
  });
}

/** A name with one address that may not be reached is refused whole: what else it answers is then of no worth. */
function lookupWith(resolve: Resolve, mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const wanted = addresses.filter((found) => !options.family || found.family === options.family);
      const [first] = wanted;
      if (first === undefined) return callback(new Error('The name has no address.'), '', 0);
      if (!addresses.every((found) => mayReach(found.address))) return callback(addressRefused(), '', 0);
      if (options.all) callback(null, wanted);
      else callback(null, first.address, first.family);
    });
  };
}

function addressRefused(): SyncError {
  return new SyncError(
    'ADDRESS_REFUSED',
    'The export URL leads to a private address. The operator can allow its host with EXPORT_ALLOWED_HOSTS.',
  );
}
