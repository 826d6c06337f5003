import type { RequestHandler } from 'express';
import { credentialsOf } from './auth/credentials.ts';
import { type Authenticate, requireScope } from './domain/viewer.ts';

export const QUEUE_BOARD_PATH = '/admin/queues';

/** Shows the queue to administrators; its program is loaded when the first of them looks. */
export function serveQueueBoard(
  authenticate: Authenticate,
  openBoard: (path: string) => Promise<RequestHandler>,
): RequestHandler {
  let board: Promise<RequestHandler> | undefined;
  return async (request, response, next) => {
    requireScope(await authenticate(credentialsOf(request, request.ip)), 'admin');
    board ??= openBoard(QUEUE_BOARD_PATH);
    const show = await board;
    return show(request, response, next);
  };
}
