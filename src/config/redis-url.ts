import { z } from 'zod';

export interface RedisAddress {
  host: string;
  port: number;
}

/** How Redis is reached: one server, the primary that Sentinels name, or a cluster known by some of its nodes. */
export type RedisConfig =
  | { kind: 'server'; url: string }
  | ({ kind: 'sentinel'; sentinels: RedisAddress[]; primary: string; db: number } & RedisAccess & {
        sentinelUsername?: string;
        sentinelPassword?: string;
      })
  | ({ kind: 'cluster'; nodes: RedisAddress[] } & RedisAccess);

interface RedisAccess {
  tls: boolean;
  username?: string;
  password?: string;
}

const PORTS = { sentinel: 26_379, cluster: 6_379 } as const;
const SHAPE =
  /^(?<scheme>rediss?)\+(?<kind>sentinel|cluster):\/\/(?<user>[^@/?#]*@)?(?<hosts>[^@/?#]+)(?<rest>[^#]*)$/;
const MESSAGE =
  'must be a URL that begins with redis:// or rediss://, or one such as redis+sentinel://host1,host2,host3/primary or redis+cluster://host1,host2,host3';

const STRAY_PERCENT = 'holds a % that encodes nothing: as itself it is written %25';

/** Of `REDIS_URL`: the URL of a server, or one with several hosts that names Sentinels or nodes of a cluster. */
export const redisUrl = z.string().transform((value, context): RedisConfig => {
  const config = parseRedisUrl(value);
  if (config) return config;
  const message = /%(?![\da-f]{2})/i.test(value) ? STRAY_PERCENT : MESSAGE;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** The passwords that a configuration holds, as they stand in its URL and as they are. */
export function passwordsOf(config: RedisConfig | null): string[] {
  if (!config) return [];
  const passwords =
    config.kind === 'server'
      ? [decodeURIComponent(URL.parse(config.url)?.password ?? '')]
      : [config.password, config.kind === 'sentinel' ? config.sentinelPassword : undefined];
  return passwords.flatMap((password) => (password ? [password, encodeURIComponent(password)] : []));
}

function parseRedisUrl(value: string): RedisConfig | null {
  const parts = SHAPE.exec(value)?.groups;
  if (!parts) {
    const url = URL.parse(value);
    const isRedis = url && ['redis:', 'rediss:'].includes(url.protocol) && isDecodable(url);
    return isRedis ? { kind: 'server', url: value } : null;
  }
  const kind = parts.kind === 'sentinel' ? 'sentinel' : 'cluster';
  // No URL may have several hosts: all but they are read from one with another in their place.
  const url = URL.parse(`redis://${parts.user ?? ''}hosts${parts.rest}`);
  const addresses = (parts.hosts ?? '').split(',').map((host) => addressOf(host.trim(), PORTS[kind]));
  if (!url || !isDecodable(url) || addresses.includes(null)) return null;
  const hosts = addresses.filter((address) => address !== null);
  const access = {
    tls: parts.scheme === 'rediss',
    ...named('username', decodeURIComponent(url.username)),
    ...named('password', decodeURIComponent(url.password)),
  };
  const path = url.pathname.split('/').slice(1).map(decodeURIComponent);
  if (kind === 'cluster') {
    return path.every((part) => part === '') && url.search === '' ? { kind, nodes: hosts, ...access } : null;
  }
  const [primary = '', db = '', ...more] = path;
  const query = Object.fromEntries(url.searchParams);
  const { sentinelUsername = '', sentinelPassword = '', ...unknown } = query;
  if (primary === '' || !/^\d{0,4}$/.test(db) || more.length > 0 || Object.keys(unknown).length > 0)
    return null;
  return {
    kind,
    sentinels: hosts,
    primary,
    db: Number(db),
    ...access,
    ...named('sentinelUsername', sentinelUsername),
    ...named('sentinelPassword', sentinelPassword),
  };
}

/** Null when it is none; an IPv6 address loses its brackets. */
function addressOf(text: string, defaultPort: number): RedisAddress | null {
  const url = URL.parse(`redis://${text}`);
  if (!url || url.hostname === '' || url.username !== '' || url.pathname !== '') return null;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || defaultPort) };
}

function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    return decodeURIComponent(username + password + pathname) !== null;
  } catch {
    return false;
  }
}

const named = <K extends string>(name: K, value: string) =>
  (value === '' ? {} : { [name]: value }) as { [P in K]?: string };
