import type { RequestHandler } from 'express';

/**
 * Answers 408 to a body that has not arrived within `timeoutMs`. An upload may take as long as it needs until it is
 * answered, but must not pause for so long.
 */
export function refuseSlowBodies(timeoutMs: number, takesUpload: (path: string) => boolean): RequestHandler {
  return (request, response, next) => {
    const isUpload = takesUpload(request.path);
    const { socket } = request;
    let seenBytes = socket.bytesRead;
    const timer = setInterval(() => {
      if (request.complete) return clearInterval(timer);
      const isMoving = socket.bytesRead > seenBytes;
      seenBytes = socket.bytesRead;
      // The rest of one that was answered before its end is of use to nobody.
      if (isUpload && isMoving && !response.writableEnded) return;
      clearInterval(timer);
      if (response.headersSent) return socket.destroy();
      const detail = `The body did not arrive within ${timeoutMs / 1_000} s.`;
      response.status(408).set('Connection', 'close').json({ detail });
    }, timeoutMs);
    timer.unref();
    request.once('close', () => clearInterval(timer));
    next();
  };
}
