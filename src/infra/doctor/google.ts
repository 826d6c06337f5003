import type { Config, GoogleConfig } from '../../config.ts';
import { type Check, mend, note, ok } from './finding.ts';

const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** Whether credentials have the form of Google's, and the callback leads back to this server. Asks nobody. */
export async function* checkGoogle(config: Config): Check {
  const { google } = config;
  if (!google) {
    yield note(
      'Nobody signs in with Google: GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and REDIRECT_URI are not set.',
    );
    return;
  }
  const faults = [...faultsOfCredentials(google), ...faultsOfCallback(google, config)];
  for (const fault of faults) yield mend(fault);
  if (faults.length === 0) {
    yield ok(
      `Google's credentials have the right form. ${google.redirectUri} must be among the client's authorized redirect URIs.`,
    );
  }
  if (google.allowedEmails === null) {
    yield note('ALLOWED_EMAILS is not set: everybody with a Google account can sign in.');
  }
}

function faultsOfCredentials({ clientId, clientSecret, authorizationUrl }: GoogleConfig): string[] {
  // Another provider has ids of its own.
  if (new URL(authorizationUrl).hostname !== 'accounts.google.com') return [];
  const faults: string[] = [];
  if (!/^\d+-[\w]+\.apps\.googleusercontent\.com$/.test(clientId)) {
    faults.push(
      "GOOGLE_CLIENT_ID is not of the form 1234-abcd.apps.googleusercontent.com. Copy it again from Google's console.",
    );
  }
  if (clientSecret === clientId || /\s/.test(clientSecret) || clientSecret.length < 20) {
    faults.push(
      "GOOGLE_CLIENT_SECRET does not look like a client secret (GOCSPX-…). Copy it again from Google's console.",
    );
  }
  return faults;
}

function faultsOfCallback({ redirectUri }: GoogleConfig, config: Config): string[] {
  const { protocol, hostname, port } = new URL(redirectUri);
  const isHere = LOOPBACK_HOSTS.includes(hostname);
  if (config.environment === 'production' && isHere) {
    return [
      'REDIRECT_URI leads to the machine of whoever signs in. Name this server as browsers see it, such as https://sidecar.example.com/auth/callback.',
    ];
  }
  if (isHere && protocol === 'http:' && Number(port || 80) !== config.http.port) {
    return [
      `REDIRECT_URI leads to port ${port || 80}, and this server listens on ${config.http.port} (PORT).`,
    ];
  }
  if (!isHere && protocol === 'https:' && config.http.trustProxy === false) {
    return [
      'REDIRECT_URI is https, so a proxy ends TLS in front of this server: set TRUST_PROXY, or no browser can sign in.',
    ];
  }
  return [];
}
