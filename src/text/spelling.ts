import { lexemesInAnyLanguage } from './stems.ts';
import { isStopWord } from './stop-words.ts';

const alphabets = ['abcdefghijklmnopqrstuvwxyz', 'абвгдежзийклмнопрстуфхцчшщъыьэюя'];
const vowels = 'aeiouyаеиоуыэюя';

/** In longer words no letter is taken for a wrong one: that would be half of all their near words. */
const MAX_REPLACED_CHARACTERS = 16;

/** So much of a word's end is what stemmers tell apart letter by letter; before it, vowels from other letters. */
const ENDING_CHARACTERS = 7;

/**
 * The words that one wrong, missing, surplus or swapped letter makes into a folded word, of which nearly all are none, and
 * the lexemes that any of them may be found by, quoted. In words of more than 16 letters none is taken for wrong. (Norvig's way: asking the index
 * costs less than keeping a list of words.)
 */
export function nearWords(word: string): { words: Set<string>; lexemes: string[] } {
  const letters = alphabets.find((alphabet) => alphabet.includes(word.charAt(0))) ?? '';
  const words = new Set<string>();
  const lexemes = new Set<string>();
  const endings = new Map<string, Ending[]>();
  const add = (near: string, changedAt: number, kind: string) => {
    if (near === word || words.has(near) || isStopWord(near)) return;
    words.add(near);
    // Stemming every one of them would take most of the time.
    const key = changedAt < word.length - ENDING_CHARACTERS ? `${changedAt} ${kind}` : near;
    const known = endings.get(key) ?? endingsOf(near);
    endings.set(key, known);
    for (const { cut, ending } of known) lexemes.add(near.slice(0, near.length - cut) + ending);
  };
  for (let i = 0; i <= word.length; i++) {
    const [head, tail] = [word.slice(0, i), word.slice(i)];
    add(head + tail.slice(1), i, 'surplus');
    if (tail.length > 1) add(head + tail.charAt(1) + tail.charAt(0) + tail.slice(2), i, 'swapped');
    for (const letter of letters) {
      const kind = vowels.includes(letter) ? 'vowel' : 'consonant';
      add(head + letter + tail, i, `missing ${kind}`);
      if (tail !== '' && word.length <= MAX_REPLACED_CHARACTERS) {
        add(head + letter + tail.slice(1), i, `wrong ${kind}`);
      }
    }
  }
  return { words, lexemes: [...lexemes].map((lexeme) => `'${lexeme}'`) };
}

/** How much of a word's end a stemmer cuts, and what it puts there. */
interface Ending {
  cut: number;
  ending: string;
}

/** Of the stemmers of all languages. */
function endingsOf(word: string): Ending[] {
  return lexemesInAnyLanguage(word).map((lexeme) => {
    let shared = 0;
    while (shared < lexeme.length && lexeme.charAt(shared) === word.charAt(shared)) shared += 1;
    return { cut: word.length - shared, ending: lexeme.slice(shared) };
  });
}
