/** Where a server that listens on `host` can be reached; an IPv6 address stands in brackets (RFC 3986, 3.2.2). */
export function serverUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The same for a client on this machine, to whom "all interfaces" is no address. */
export function clientUrl(host: string, port: number): string {
  const loopback: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return serverUrl(loopback[host] ?? host, port);
}
