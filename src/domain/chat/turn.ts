/**
 * A turn is written before the model is asked, as ANSWERING, and becomes ANSWERED or FAILED. Only the attempt that began
 * it may end it: `createdAt`, which a new attempt sets again, is what tells attempts apart.
 */
import { v7 as uuidv7 } from 'uuid';
import type { ChatTurn, ChatTurnStatus } from '../../generated/prisma/client.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import { noteWrite } from '../reading.ts';
import type { Services } from '../services.ts';
import type { Viewer } from '../viewer.ts';
import type { StoredCitation } from './citation.ts';
import { chatTurnKey } from './session.ts';

/** However slowly the model goes on, an answer is over then. */
export const MAX_TURN_MS = 600_000;

/** Beyond the end of every attempt, and of what clocks of servers may disagree. */
const STALE_AFTER_MS = MAX_TURN_MS + 60_000;

/** So that a session can be shown and read in one go. */
const MAX_TURNS = 500;

const MAX_TITLE_CHARACTERS = 100;

export interface TurnEnd {
  status: 'ANSWERED' | 'FAILED';
  response: string;
  /** Why the answer is missing or incomplete. */
  error: { code: string; message: string } | null;
}

/** Writes a new turn, and a new session when `sessionId` is null. Throws a NotFoundError, and an InvalidInputError when the session is full. */
export async function beginTurn(
  services: Services,
  viewer: Viewer,
  turn: { sessionId: string | null; query: string; model: string; context: StoredCitation[] },
): Promise<ChatTurn> {
  const { userId } = viewer;
  const { query, model } = turn;
  const context = turn.context.map((each) => ({ ...each }));
  return services.prisma.$transaction(async (tx) => {
    if (turn.sessionId === null) {
      const title = query.replaceAll(/\s+/g, ' ').slice(0, MAX_TITLE_CHARACTERS).toWellFormed();
      const { id } = await tx.chatSession.create({ data: { userId, id: uuidv7(), title } });
      return tx.chatTurn.create({ data: { userId, sessionId: id, ordinal: 0, query, model, context } });
    }
    const sessionId = turn.sessionId;
    // Locks the session, so that two questions at once get numbers of their own.
    const { count } = await tx.chatSession.updateMany({
      where: { userId, id: sessionId },
      data: { updatedAt: new Date() },
    });
    if (count === 0) throw new NotFoundError('chat session');
    const last = await tx.chatTurn.findFirst({
      where: { userId, sessionId },
      orderBy: { ordinal: 'desc' },
      select: { ordinal: true },
    });
    const ordinal = (last?.ordinal ?? -1) + 1;
    if (ordinal >= MAX_TURNS) {
      throw new InvalidInputError([
        { path: ['sessionId'], message: 'This session is full: begin another one.', type: 'too_big' },
      ]);
    }
    return tx.chatTurn.create({ data: { userId, sessionId, ordinal, query, model, context } });
  });
}

/** Begins a failed turn again. Throws an InvalidInputError when it is answered, or still being answered. */
export async function beginTurnAgain(
  services: Services,
  viewer: Viewer,
  turn: ChatTurn,
  { model, context }: { model: string; context: StoredCitation[] },
): Promise<ChatTurn> {
  const fresh = {
    status: 'ANSWERING' as const,
    model,
    context: context.map((each) => ({ ...each })),
    response: '',
    suggestions: [] as string[],
    errorCode: null,
    errorMessage: null,
    createdAt: new Date(),
  };
  const { userId } = viewer;
  const { sessionId, ordinal } = turn;
  return services.prisma.$transaction(async (tx) => {
    await tx.chatSession.updateMany({
      where: { userId, id: sessionId },
      data: { updatedAt: fresh.createdAt },
    });
    const { count } = await tx.chatTurn.updateMany({
      where: {
        userId,
        sessionId,
        ordinal,
        OR: [{ status: 'FAILED' }, { status: 'ANSWERING', createdAt: { lt: staleBefore() } }],
      },
      data: fresh,
    });
    if (count === 0) throw notRetryable();
    return { ...turn, ...fresh };
  });
}

const staleBefore = () => new Date(Date.now() - STALE_AFTER_MS);

const notRetryable = () =>
  new InvalidInputError([
    {
      path: ['retryTurnId'],
      message: 'This turn is answered, or still being answered: only one that failed can be asked again.',
      type: 'not_failed',
    },
  ]);

/** A turn to ask again. Throws a NotFoundError, and an InvalidInputError when it did not fail. */
export async function readFailedTurn(services: Services, viewer: Viewer, id: string): Promise<ChatTurn> {
  const turn = await services.prisma.chatTurn.findUnique({ where: chatTurnKey(viewer, id) });
  if (!turn) throw new NotFoundError('chat turn');
  if (stateOf(turn).status !== 'FAILED') throw notRetryable();
  return turn;
}

/** How soon an attempt hears that its session was deleted, through whichever process. */
const LOOK_EVERY_MS = 5_000;

/** Aborts with a NotFoundError when the session of a begun attempt is deleted: nobody is to pay for the rest of its answer. */
export function watchDeletion(services: Services, turn: ChatTurn): { deleted: AbortSignal; close(): void } {
  const deletion = new AbortController();
  const { userId, sessionId, ordinal, createdAt } = turn;
  let isLooking = false;
  const look = async () => {
    // One at a time: while the database stands still, they would soon hold all connections of this process.
    if (isLooking) return;
    isLooking = true;
    try {
      const count = await services.prisma.chatTurn.count({
        where: { userId, sessionId, ordinal, createdAt },
      });
      if (count === 0) deletion.abort(new NotFoundError('chat session'));
    } catch {
      // Who cannot look now looks again, and the end of the attempt tells in any case.
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return { deleted: deletion.signal, close: () => clearInterval(timer) };
}

/**
 * Ends an attempt, once: what another attempt has overtaken stays as it is. Answers the turn as it ended. Throws a
 * NotFoundError when it was overtaken or its session deleted meanwhile.
 */
export async function endTurn(services: Services, turn: ChatTurn, end: TurnEnd): Promise<ChatTurn> {
  const data = {
    status: end.status,
    response: end.response,
    errorCode: end.error?.code ?? null,
    errorMessage: end.error?.message ?? null,
  };
  return change(services, turn, data, 'ANSWERING');
}

/** Adds suggestions to an answered turn. Throws a NotFoundError when its session was deleted meanwhile. */
export async function keepSuggestions(
  services: Services,
  turn: ChatTurn,
  suggestions: string[],
): Promise<ChatTurn> {
  return change(services, turn, { suggestions }, 'ANSWERED');
}

async function change(
  services: Services,
  turn: ChatTurn,
  data: Partial<Pick<ChatTurn, 'status' | 'response' | 'errorCode' | 'errorMessage' | 'suggestions'>>,
  status: ChatTurnStatus,
): Promise<ChatTurn> {
  const { userId, sessionId, ordinal, createdAt } = turn;
  const { count } = await services.prisma.chatTurn.updateMany({
    where: { userId, sessionId, ordinal, createdAt, status },
    data,
  });
  if (count === 0) throw new NotFoundError('chat session');
  await noteWrite(services, { userId });
  return { ...turn, ...data };
}

/** Where a turn stands. One that a server left behind when it died has failed. */
export function stateOf(turn: ChatTurn): {
  status: ChatTurnStatus;
  error: { code: string; message: string } | null;
} {
  if (turn.status === 'ANSWERING' && turn.createdAt < staleBefore()) {
    const message = 'The server stopped before the answer was complete. Ask again.';
    return { status: 'FAILED', error: { code: 'SERVER_STOPPED', message } };
  }
  const error = turn.errorCode === null ? null : { code: turn.errorCode, message: turn.errorMessage ?? '' };
  return { status: turn.status, error };
}
