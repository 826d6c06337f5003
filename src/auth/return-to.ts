const MAX_LENGTH = 2_000;

/** Stands for our own origin, whatever it is called from outside. */
const HERE = 'http://sidecar.invalid';

/**
 * Where a browser goes after the sign-in: `wanted` when it is a path of this server, else `/`. Backslashes and control
 * characters are refused because browsers read `/\` as `//` and skip tabs and line ends (WHATWG URL, 4.4).
 */
export function safeReturnTo(wanted: unknown): string {
  if (typeof wanted !== 'string' || wanted.length > MAX_LENGTH) return '/';
  if (!/^\/(?!\/)[^\\\p{Cc}]*$/u.test(wanted)) return '/';
  const url = URL.parse(wanted, HERE);
  if (
    url?.origin !== HERE ||
    url.pathname.startsWith('//') ||
    url.pathname.toLowerCase().startsWith('/auth/')
  )
    return '/';
  return `${url.pathname}${url.search}${url.hash}`;
}
