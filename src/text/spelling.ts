import { lexemesInAnyLanguage } from './stems.ts';
import { isStopWord } from './stop-words.ts';

const alphabets = ['abcdefghijklmnopqrstuvwxyz', 'абвгдежзийклмнопрстуфхцчшщъыьэюя'];

/**
 * The words that one wrong, missing, surplus or swapped letter makes into a folded word, of which nearly all are none, and
 * a tsquery for any of them. (Norvig's way: asking the index costs less than keeping a list of words.)
 */
export function nearWords(word: string): { words: Set<string>; tsquery: string } {
  const letters = alphabets.find((alphabet) => alphabet.includes(word.charAt(0))) ?? '';
  const words = new Set<string>();
  for (let i = 0; i <= word.length; i++) {
    const [head, tail] = [word.slice(0, i), word.slice(i)];
    words.add(head + tail.slice(1));
    if (tail.length > 1) words.add(head + tail.charAt(1) + tail.charAt(0) + tail.slice(2));
    for (const letter of letters) {
      words.add(head + letter + tail);
      if (tail !== '') words.add(head + letter + tail.slice(1));
    }
  }
  words.delete(word);
  for (const each of words) if (isStopWord(each)) words.delete(each);
  const lexemes = new Set([...words].flatMap(lexemesInAnyLanguage));
  return { words, tsquery: [...lexemes].map((lexeme) => `'${lexeme}'`).join(' | ') };
}
