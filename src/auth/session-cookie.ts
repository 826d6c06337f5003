import { hkdfSync } from 'node:crypto';
import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie';
import { unsign } from 'cookie-signature';

export interface SessionCookie {
  name: string;
  /** Signs the cookie's value, as express-session does. */
  signingSecret: string;
  /** False only for development over plain http. */
  secure: boolean;
  lifetimeMs: number;
  /** The secret in a Cookie header; null when there is none or its signature does not fit. */
  read(header: string | undefined): string | null;
  /** Whether a Cookie header names the cookie at all. */
  isIn(header: string | undefined): boolean;
  /** The Set-Cookie header that removes it from the browser. */
  removal(): string;
}

/**
 * The cookie of a session. In production its name begins with `__Host-`, which browsers take only from https, for this
 * very host and all of its paths (RFC 6265bis, 4.1.3.2). It is signed with a key derived from the server's API key
 * (HKDF-SHA256, RFC 5869): a new API_KEY signs everybody out.
 */
export function createSessionCookie(
  apiKey: string,
  { secure, lifetimeMs }: { secure: boolean; lifetimeMs: number },
): SessionCookie {
  const name = secure ? '__Host-sidecar' : 'sidecar';
  const signingSecret = Buffer.from(hkdfSync('sha256', apiKey, 'sidecar', 'session cookie', 32)).toString(
    'base64url',
  );
  const valueIn = (header: string | undefined) =>
    header === undefined ? undefined : parseCookie(header)[name];
  const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure } satisfies Partial<SetCookie>;
  return {
    name,
    signingSecret,
    secure,
    lifetimeMs,
    read(header) {
      const value = valueIn(header);
      // express-session's own form: `s:`, the value, a dot and its signature.
      return (value?.startsWith('s:') && unsign(value.slice(2), signingSecret)) || null;
    },
    isIn: (header) => valueIn(header) !== undefined,
    removal: () => stringifySetCookie({ name, value: '', maxAge: 0, ...attributes }),
  };
}
