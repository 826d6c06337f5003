/** Where an archive comes from that was not sent here; kept sealed, for a URL may hold a secret. */
export type Origin =
  | { kind: 'url'; url: string }
  | { kind: 'ingest'; path: string }
  /** Below the watched folder, which other workers may have elsewhere. */
  | { kind: 'watched'; path: string };

export function formatOrigin(origin: Origin): string {
  return JSON.stringify(origin);
}

/** Of what `formatOrigin` made. */
export function parseOrigin(text: string): Origin {
  return JSON.parse(text) as Origin;
}
