import type { Found } from '../../src/domain/retrieval/passages.ts';
import { conversationAt, textOf, topicOf } from '../generator/index.ts';
import { SEED } from '../search/archive.ts';
import type { Place } from './measure.ts';

/** A message as the generator wrote it. */
export interface PlantedMessage {
  /** As `keyOf` gives it for the stored one. */
  key: string;
  text: string;
  /** Its words in small letters, with a blank before, between and behind them. */
  words: string;
  isPlain: boolean;
}

export interface PlantedConversation {
  externalId: string;
  title: string;
  /** "The `subject` of `name` is `answer`." stands in `factKey`, and nowhere else. */
  subject: string;
  name: string;
  answer: string;
  question: string;
  factKey: string;
}

/** What the generator wrote, in plain form: the judge of what a search ought to find. */
export interface Planted {
  conversations: PlantedConversation[];
  messages: PlantedMessage[];
  /** How many messages hold each word. */
  frequency: Map<string, number>;
  /** Keys of the messages for which it holds. */
  keysWhere(holds: (message: PlantedMessage) => boolean): Set<string>;
}

export const keyOf = (externalId: string, nodeId: string) => `${externalId}/${nodeId}`;

/** Where a hit stands, by its names in the export. */
export const placeOf = ({ conversation, message }: Pick<Found, 'conversation' | 'message'>): Place => ({
  externalId: conversation.externalId,
  key: keyOf(conversation.externalId, message.nodeId),
});

/** Words as a reader would count them, in small letters. */
export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];

/** Writes the first conversations of the archive once more, to know what stands where. */
export function plant(count: number): Planted {
  const messages: PlantedMessage[] = [];
  const conversations: PlantedConversation[] = [];
  const frequency = new Map<string, number>();
  for (let index = 0; index < count; index += 1) {
    const { fact, answer, question, title } = topicOf(SEED, index);
    const [, subject = '', name = ''] = /^The (\S+ \S+) of (\S+ \S+) is /.exec(fact) ?? [];
    const { conversation_id: externalId, mapping } = conversationAt(SEED, index);
    let factKey = '';
    for (const { id, message } of Object.values(mapping)) {
      if (!message) continue;
      const text = textOf(message.content);
      const words = wordsOf(text);
      const key = keyOf(externalId, id);
      if (text.includes(fact)) factKey = key;
      for (const word of new Set(words)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
      messages.push({
        key,
        text,
        words: ` ${words.join(' ')} `,
        isPlain: message.content.content_type === 'text',
      });
    }
    if (factKey === '') throw new Error(`Conversation ${index} does not hold its fact.`);
    conversations.push({ externalId, title, subject, name, answer, question, factKey });
  }
  const keysWhere = (holds: (message: PlantedMessage) => boolean) =>
    new Set(messages.filter(holds).map(({ key }) => key));
  return { conversations, messages, frequency, keysWhere };
}

/** Whether all of these words stand in a message, in any order. */
export const holdsAll =
  (words: string[]) =>
  (message: PlantedMessage): boolean =>
    words.every((word) => message.words.includes(` ${word} `));
