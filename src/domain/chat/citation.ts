import { z } from 'zod';
import type { ChatTurn, Conversation, Message } from '../../generated/prisma/client.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';

/** What a turn keeps of an excerpt: where it stands, and none of its text, which goes when its conversation is deleted. */
const storedCitation = z.object({
  number: z.int(),
  conversationId: z.string(),
  nodeId: z.string(),
  score: z.number(),
  /** The part of the message's text that the model was given, in UTF-16 units. */
  start: z.int(),
  end: z.int(),
});
export type StoredCitation = z.infer<typeof storedCitation>;

/** A message on either side of a hit, as far as the model was given it. */
export interface Neighbour {
  nodeId: string;
  role: string;
  /** Beginning of its text. */
  text: string;
}

/** What `[number]` in an answer stands for. */
export interface Citation {
  number: number;
  /** Larger is better; comparable within one turn only. */
  score: number;
  /** Null when it was deleted since. */
  message: Message | null;
  conversation: Conversation | null;
  /** The part of the message's text that the model was given; empty when it was deleted since. */
  quote: string;
  start: number;
  end: number;
}

/** The excerpts that a turn of the viewer was answered from, read again. */
export async function citationsOf(
  services: Services,
  viewer: Viewer | null,
  turn: Pick<ChatTurn, 'context'>,
): Promise<Citation[]> {
  requireScope(viewer, 'read');
  const { userId } = viewer;
  const stored = z.array(storedCitation).parse(turn.context);
  const [messages, conversations] = await Promise.all([
    services.prisma.message.findMany({
      where: { userId, OR: stored.map(({ conversationId, nodeId }) => ({ conversationId, nodeId })) },
    }),
    services.prisma.conversation.findMany({
      where: { userId, id: { in: stored.map(({ conversationId }) => conversationId) } },
    }),
  ]);
  return stored.map(({ number, score, conversationId, nodeId, start, end }) => {
    const message =
      messages.find((each) => each.conversationId === conversationId && each.nodeId === nodeId) ?? null;
    const conversation = conversations.find(({ id }) => id === conversationId) ?? null;
    const quote = message?.text.slice(start, end) ?? '';
    return { number, score, message, conversation, quote, start, end };
  });
}

/** The numbers in brackets of an answer, such as [2] or [1, 3]. */
export function citedNumbers(response: string): Set<number> {
  const lists = response.matchAll(/\[(\d+(?:\s*,\s*\d+)*)\]/g);
  return new Set([...lists].flatMap(([, numbers = '']) => numbers.split(',').map(Number)));
}
