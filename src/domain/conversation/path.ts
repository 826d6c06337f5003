import type { Prisma } from '../../generated/prisma/client.ts';
import { invalidCursor } from '../page.ts';
import type { Services } from '../services.ts';

interface Place {
  nodeId: string;
  parentNodeId: string | null;
  onActivePath: boolean;
}

/**
 * The ids of the path through a message: from its root down to it, then on along the path that the conversation shows,
 * or along the last alternative, the newest, where that path turns off elsewhere. Empty when there is no such message.
 */
export async function pathThrough(
  services: Services,
  userId: string,
  conversationId: string,
  nodeId: string,
): Promise<string[]> {
  // The tree without its text: no index leads from a message to its answers.
  const places: Place[] = await services.prisma.message.findMany({
    where: { userId, conversationId },
    select: { nodeId: true, parentNodeId: true, onActivePath: true },
    orderBy: { ordinal: 'asc' },
  });
  const byId = new Map(places.map((place) => [place.nodeId, place]));
  const next = new Map<string, Place>();
  for (const place of places) {
    if (place.parentNodeId === null) continue;
    const chosen = next.get(place.parentNodeId);
    if (!chosen?.onActivePath) next.set(place.parentNodeId, place);
  }
  const path: string[] = [];
  for (let at = byId.get(nodeId); at; at = byId.get(at.parentNodeId ?? '')) path.push(at.nodeId);
  path.reverse();
  for (let at = next.get(nodeId); at; at = next.get(at.nodeId)) path.push(at.nodeId);
  return path;
}

/** The part of a list of messages that a page of Prisma's would take. Throws an InvalidInputError for a cursor outside of it. */
export function pageOf(ids: string[], page: Prisma.MessageFindManyArgs): string[] {
  const { cursor, skip = 0, take = ids.length } = page;
  const place = cursor ? ids.indexOf(cursor.userId_conversationId_nodeId?.nodeId ?? '') : null;
  if (place === -1) throw invalidCursor();
  if (take >= 0) {
    const start = (place ?? 0) + skip;
    return ids.slice(start, start + take);
  }
  const end = (place === null ? ids.length : place + 1) - skip;
  return ids.slice(Math.max(end + take, 0), Math.max(end, 0));
}

/** As many as a page of Prisma's takes, with `id` in the middle as far as the list reaches. */
export function middleOf(ids: string[], id: string | null, page: Prisma.MessageFindManyArgs): string[] {
  const count = Math.abs(page.take ?? ids.length);
  const start = Math.max(0, ids.indexOf(id ?? '') - Math.floor(count / 2));
  return ids.slice(start, start + count);
}
