import type { Random } from '../generator/random.ts';

/** The other form of a word as English would build it; null where that is not sure. */
export function inflect(word: string): string | null {
  if (/[aeiou][^aeiou]*ing$/.test(word)) return word.replace(/ing$/, 'ed');
  if (/[aeiou][^aeiou]*ed$/.test(word)) return word.replace(/ed$/, 'ing');
  if (/[^aeiou]ity$/.test(word)) return word.replace(/y$/, 'ies');
  return /(?:[^aeiousxyz]|[^cs]h)$/.test(word) ? `${word}s` : null;
}

/** One slip of the keyboard behind the first letter: swapped, missing, doubled or wrong. */
export function mistype(word: string, kind: number, random: Random): string {
  const at = random.between(1, word.length - 2);
  const [head, letter, next, tail] = [word.slice(0, at), word[at], word[at + 1], word.slice(at + 2)];
  switch (kind % 4) {
    case 0:
      return `${head}${next}${letter}${tail}`;
    case 1:
      return `${head}${next}${tail}`;
    case 2:
      return `${head}${letter}${letter}${next}${tail}`;
    default:
      return `${head}${letter === 'q' ? 'w' : 'q'}${next}${tail}`;
  }
}

/** As it is typed on a keyboard without accents. */
export const withoutAccents = (text: string): string =>
  text.normalize('NFD').replaceAll(/\p{M}/gu, '').replaceAll('Ł', 'L').replaceAll('ł', 'l').toLowerCase();

/** `snake_case` as `camelCase`. */
export const toCamelCase = (name: string): string =>
  name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
