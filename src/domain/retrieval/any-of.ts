import type { Conversation, Message } from '../../generated/prisma/client.ts';

/** Of a message, so much is looked through for words. */
const MAX_CHARACTERS = 20_000;

/** A common word at a time may be left out, and each search takes a while. */
const MAX_SEARCHES = 4;

/** A hit, and its conversation's title and the beginning of its text as `holds` reads them. */
export interface ReadHit<Hit> {
  hit: Hit;
  text: string;
}

/**
 * Hits with any of some words, those of the first search first, each once. A search ranks the newest thousand matches alone, and
 * with one common word among many these are all of late: while there are more, it is asked again without the words that
 * are common among its hits, so that what holds a rare one is found however long ago that was.
 */
export async function findAnyOf<Hit extends { message: Message; conversation: Conversation }>(
  words: string[],
  ask: (words: string[]) => Promise<{ hits: Hit[]; isCapped: boolean }>,
): Promise<ReadHit<Hit>[]> {
  const found = new Map<string, ReadHit<Hit>>();
  let left = words;
  for (let searches = 1; ; searches += 1) {
    const { hits, isCapped } = await ask(left);
    const read = hits.map((hit) => ({ hit, text: textOf(hit) }));
    for (const each of read) {
      const { conversationId, nodeId } = each.hit.message;
      const key = `${conversationId} ${nodeId}`;
      if (!found.has(key)) found.set(key, each);
    }
    const counts = left.map((word) => read.filter((each) => holds(each, word)).length);
    // Each hit holds one at least, so that one word is no rarer than this; in the end only the rarest are left.
    const common = searches + 1 < MAX_SEARCHES ? hits.length / left.length : Math.min(...counts) + 1;
    const rare = left.filter((_, index) => (counts[index] ?? 0) < common);
    const isNarrower = rare.length > 0 && rare.length < left.length;
    if (!isCapped || !isNarrower || searches === MAX_SEARCHES) return [...found.values()];
    left = rare;
  }
}

/** Whether a hit holds a word in one of its forms, by the beginning that these share. */
export function holds({ text }: { text: string }, word: string): boolean {
  return text.includes(beginningOf(word));
}

function beginningOf(word: string): string {
  const plain = folded(word.replaceAll('"', ''));
  return plain.length > 5 ? plain.slice(0, -2) : plain;
}

const textOf = ({ message, conversation }: { message: Message; conversation: Conversation }) =>
  folded(`${conversation.title} ${message.text.slice(0, MAX_CHARACTERS)}`);

const folded = (text: string) => text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
