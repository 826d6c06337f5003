/**
 * The ids that clients see, in GraphQL and REST alike: `Type:id` in base64url, so that they stand in a URL as they are.
 */
export function encodeId(type: string, id: string | number | bigint): string {
  return Buffer.from(`${type}:${id}`, 'utf8').toString('base64url');
}

/** The row's own id in a global one of this type; the string itself, which names no row, when it is none. */
export function localId(type: string, globalId: string): string {
  const decoded = decodeId(globalId);
  return decoded?.typename === type ? decoded.id : globalId;
}

/** Null when the string is no global id. */
export function decodeId(globalId: string): { typename: string; id: string } | null {
  const [, typename, id] = /^(\w+):(.+)$/s.exec(Buffer.from(globalId, 'base64url').toString('utf8')) ?? [];
  return typename && id ? { typename, id } : null;
}
