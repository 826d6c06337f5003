import { type Random, randomFrom } from '../generator/random.ts';
import { SEED } from '../search/archive.ts';
import { holdsAll, type Planted, type PlantedConversation, wordsOf } from './planted.ts';
import { inflect, mistype, toCamelCase, withoutAccents } from './wording.ts';

/** What somebody asks, and what leads them to what they are after. */
export interface Question {
  kind: string;
  query: string;
  /** Keys of messages, or ids of conversations of which any message will do. */
  answers: ReadonlySet<string>;
}

type Draft = Pick<Question, 'query' | 'answers'>;

const EACH = 10;
const QUESTION_STREAM = 77;
const MAX_TRIES = 10_000;

/** A word that is in many messages and yet tells something. */
const isTelling = (word: string, { frequency }: Planted) => {
  const messages = frequency.get(word) ?? 0;
  return word.length >= 4 && messages >= 5 && messages <= 300;
};

/**
 * Ten questions of each kind. Which messages answer them is read off what the generator wrote, by comparing plain words:
 * nothing of the search has a part in it. Throws when the archive is too small for a kind.
 */
export function makeQuestions(planted: Planted): Question[] {
  return Object.entries(kinds).flatMap(([kind, draft], number) => {
    const random = randomFrom(SEED, QUESTION_STREAM, number);
    const drafts = new Map<string, Draft>();
    for (let attempt = 0; drafts.size < EACH; attempt += 1) {
      if (attempt === MAX_TRIES)
        throw new Error(`The archive is too small for questions of the kind "${kind}".`);
      const made = draft(planted, random, drafts.size);
      if (made && made.answers.size > 0) drafts.set(made.query, made);
    }
    return [...drafts.values()].map((made) => ({ kind, ...made }));
  });
}

const kinds: Record<string, (planted: Planted, random: Random, number: number) => Draft | null> = {
  'exact terms': aboutFact(({ subject, name }) => `${subject} ${name.split(' ')[0]}`),
  'natural question': aboutFact(({ question }) => question),
  'question with other words': aboutFact(
    ({ subject, name }) => `Please remind me about the ${subject} which I discussed for ${name}`,
  ),
  'inflected words': aboutFact(({ subject }) => {
    const forms = subject.split(' ').map(inflect);
    return forms.includes(null) ? null : forms.join(' ');
  }),
  'typing mistake': aboutFact(({ subject }, { frequency }, random, number) => {
    const [first = '', second = ''] = subject.split(' ');
    const wrong = mistype(first, number, random);
    return first.length < 6 || frequency.has(wrong) || wrong === first ? null : `${wrong} ${second}`;
  }),
  'number and unit'({ conversations, keysWhere }, random) {
    const { answer } = random.pick(conversations);
    return { query: answer, answers: keysWhere(holdsAll(answer.split(' '))) };
  },
  identifier: (planted, random) => identifierIn(planted, random),
  'identifier in camel case'(planted, random) {
    const found = identifierIn(planted, random);
    return found && { ...found, query: toCamelCase(found.query) };
  },
  phrase({ messages, keysWhere }, random) {
    const words = random.pick(sentencesOf(random.pick(messages)));
    if (!words || words.length < 8) return null;
    const from = random.below(words.length - 4);
    const phrase = words.slice(from, from + 4).join(' ');
    return { query: `"${phrase}"`, answers: keysWhere(({ words: all }) => all.includes(` ${phrase} `)) };
  },
  'words of a sentence'(planted, random) {
    const { messages, keysWhere } = planted;
    const sentence = random.pick(sentencesOf(random.pick(messages)));
    const telling = new Set(sentence?.filter((word) => isTelling(word, planted)));
    // Backwards: nobody remembers the order.
    const words = [...telling].slice(0, 3).toReversed();
    return words.length < 3 ? null : { query: words.join(' '), answers: keysWhere(holdsAll(words)) };
  },
  'title words'({ conversations }, random) {
    const { title, externalId } = random.pick(conversations);
    const words = wordsOf(title).filter((word) => word !== 'and');
    return { query: words.toReversed().join(' '), answers: new Set([externalId]) };
  },
  'without accents'(planted, random) {
    const { text } = random.pick(planted.messages);
    const [, before = '', accented = ''] = /([\p{L} ,]+) \(([\p{L} ]+)\)[.?]/u.exec(text) ?? [];
    const near = wordsOf(before).find((word) => isTelling(word, planted));
    if (near === undefined || withoutAccents(accented) === accented.toLowerCase()) return null;
    const answers = planted.keysWhere(holdsAll([near, ...wordsOf(accented)]));
    return { query: `${withoutAccents(accented)} ${near}`, answers };
  },
  'Chinese and Japanese'({ messages, keysWhere }, random) {
    const [run] = /[\p{sc=Han}\p{sc=Hiragana}]{8,}/u.exec(random.pick(messages).text) ?? [];
    if (run === undefined) return null;
    const from = random.below(run.length - 4);
    const query = run.slice(from, from + 4);
    return { query, answers: keysWhere(({ text }) => text.includes(query)) };
  },
};

function aboutFact(
  ask: (conversation: PlantedConversation, planted: Planted, random: Random, number: number) => string | null,
): (planted: Planted, random: Random, number: number) => Draft | null {
  return (planted, random, number) => {
    const conversation = random.pick(planted.conversations);
    const query = ask(conversation, planted, random, number);
    return query === null ? null : { query, answers: new Set([conversation.factKey]) };
  };
}

function identifierIn({ messages, keysWhere }: Planted, random: Random): Draft | null {
  const [, name] = /def ([a-z]+_[a-z]+)\(/.exec(random.pick(messages).text) ?? [];
  if (name === undefined) return null;
  const whole = new RegExp(`\\b${name}\\b`);
  return { query: name, answers: keysWhere(({ text }) => whole.test(text)) };
}

/** Words between which there is nothing but blanks. */
function sentencesOf({ text, isPlain }: Planted['messages'][number]): string[][] {
  if (!isPlain) return [[]];
  const runs = text.match(/[a-zA-Z]+(?: [a-zA-Z]+){3,}/g) ?? [''];
  return runs.map((run) => run.toLowerCase().split(' '));
}
