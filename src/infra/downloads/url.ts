import { isIP } from 'node:net';
import { InvalidInputError } from '../../domain/errors.ts';
import { isPublicAddress } from './address.ts';

/** Signed links of today are up to 2,000 characters long. */
const maxUrlChars = 8192;
const privateSuffixes = ['localhost', 'local', 'internal', 'home.arpa', 'lan'];

/** Whether the operator allows a private host, by name alone or by name and port. */
export type HostRule = (hostname: string, port: number) => boolean;

/** Reads `EXPORT_ALLOWED_HOSTS`' entries: `host`, `host:port`, `::1` or `[::1]:port`. */
export function hostRule(allowedHosts: readonly string[]): HostRule {
  const rules = allowedHosts.map((entry) => {
    const written = isIP(entry) === 6 ? `[${entry}]` : entry;
    const port = /:(\d+)$/.exec(written)?.[1];
    const name = port === undefined ? written : written.slice(0, -port.length - 1);
    const hostname = URL.parse(`http://${name}`)?.hostname;
    if (!hostname) throw new TypeError(`Not a host or host:port: ${entry}`);
    return { hostname, port: port === undefined ? null : Number(port) };
  });
  return (hostname, port) =>
    rules.some((rule) => rule.hostname === urlHost(hostname) && (rule.port === null || rule.port === port));
}

/** A connector is given IPv6 literals without the brackets that they have in a URL. */
function urlHost(hostname: string): string {
  return isIP(hostname) === 6 ? `[${hostname}]` : hostname;
}

export function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}

/**
 * Throws an InvalidInputError unless `text` is an http(s) URL that may be fetched as far as its letters tell; to what a
 * name leads is judged when it connects. The message holds nothing of the URL.
 */
export function parseUrl(text: string, isAllowed: HostRule): URL {
  if (text.length > maxUrlChars)
    throw refuse('too_long', `The URL is longer than ${maxUrlChars} characters.`);
  // URL's parser drops line breaks and tabs without a word.
  if (/[\p{Cc}\s]/u.test(text) || !text.isWellFormed()) {
    throw refuse('bad_characters', 'The URL holds a space, a line break or a broken character.');
  }
  const url = URL.parse(text);
  if (url === null) throw refuse('not_a_url', 'This is not a URL.');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refuse('bad_protocol', 'The URL must begin with https:// or http://.');
  }
  if (url.username !== '' || url.password !== '') {
    throw refuse('has_credentials', 'The URL must not hold a user name or password.');
  }
  const port = portOf(url);
  if (isAllowed(url.hostname, port)) return url;
  if (port !== 80 && port !== 443 && port < 1024) {
    throw refuse('bad_port', 'The URL names a port that does not serve web pages.');
  }
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '');
  // RFC 1035, section 2.3.4: no name server knows a longer one.
  if (isIP(host) === 0 && (host.length > 253 || host.split('.').some((label) => label.length > 63))) {
    throw refuse('bad_host', 'The URL names a host that cannot exist: its name is too long.');
  }
  const isPrivate =
    isIP(host) > 0
      ? !isPublicAddress(host)
      : !host.includes('.') ||
        privateSuffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
  if (isPrivate) {
    throw refuse(
      'private_host',
      'The URL leads to a private address. The operator can allow its host with EXPORT_ALLOWED_HOSTS.',
    );
  }
  return url;
}

/** Where a redirect leads. Throws an InvalidInputError for what parseUrl refuses and for a step from https to http. */
export function parseRedirect(from: URL, location: string, isAllowed: HostRule): URL {
  const target = URL.parse(location, from.href);
  if (target === null) throw refuse('not_a_url', 'The server redirects to something that is not a URL.');
  const url = parseUrl(target.href, isAllowed);
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw refuse('downgrade', 'The server redirects from https to http.');
  }
  return url;
}

function refuse(type: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path: ['exportUrl'], message, type }]);
}
