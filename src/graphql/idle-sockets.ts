import type { WebSocket } from 'ws';

/**
 * Sockets of one network in this process on which nothing is asked. Many more than people behind one address have at any
 * moment: they ask as soon as they are connected.
 */
const MAX_IDLE = 1_000;

/** What a client is told that may come again; clients of the protocol do. */
const TRY_AGAIN_LATER = 1013;

/**
 * Bounds them, for nobody need be signed in to hold one. The oldest makes room, so that whoever comes to ask gets in. Those on
 * which something is asked are bounded by user. Answers the function that hears of each new socket.
 */
export function limitIdleSockets(
  isIdle: (socket: WebSocket) => boolean,
): (socket: WebSocket, network: string) => void {
  const openOf = new Map<string, Set<WebSocket>>();
  return (socket, network) => {
    const open = openOf.get(network) ?? new Set();
    openOf.set(network, open.add(socket));
    socket.once('close', () => {
      open.delete(socket);
      if (open.size === 0) openOf.delete(network);
    });
    if (open.size <= MAX_IDLE) return;
    const idle = [...open].filter((each) => each.readyState === each.OPEN && isIdle(each));
    const [oldest] = idle;
    if (!oldest || idle.length <= MAX_IDLE) return;
    open.delete(oldest);
    oldest.close(TRY_AGAIN_LATER, 'Nothing is asked here');
  };
}
