import type { ChatModel, Services } from '../services.ts';

/** The turns that a process is answering, by the model that answers them. */
const running = new WeakMap<ChatModel, Set<Promise<void>>>();

/** The same events; whoever closes the process can wait until what they write is written. */
export async function* noted<Event>(model: ChatModel, events: AsyncGenerator<Event>): AsyncGenerator<Event> {
  const over = Promise.withResolvers<void>();
  const turns = running.get(model) ?? new Set();
  running.set(model, turns.add(over.promise));
  try {
    yield* events;
  } finally {
    turns.delete(over.promise);
    over.resolve();
  }
}

/** Waits for the turns that are being answered. Their readers should be gone, or it takes as long as their answers. */
export async function untilTurnsEnd({ chat }: Pick<Services, 'chat'>): Promise<void> {
  if (chat) await Promise.all(running.get(chat) ?? []);
}
