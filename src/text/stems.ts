import { stemmer as arabic } from '@orama/stemmers/arabic';
import { stemmer as armenian } from '@orama/stemmers/armenian';
import { stemmer as danish } from '@orama/stemmers/danish';
import { stemmer as dutch } from '@orama/stemmers/dutch';
import { stemmer as finnish } from '@orama/stemmers/finnish';
import { stemmer as french } from '@orama/stemmers/french';
import { stemmer as german } from '@orama/stemmers/german';
import { stemmer as greek } from '@orama/stemmers/greek';
import { stemmer as hungarian } from '@orama/stemmers/hungarian';
import { stemmer as hindi } from '@orama/stemmers/indian';
import { stemmer as italian } from '@orama/stemmers/italian';
import { stemmer as norwegian } from '@orama/stemmers/norwegian';
import { stemmer as portuguese } from '@orama/stemmers/portuguese';
import { stemmer as romanian } from '@orama/stemmers/romanian';
import { stemmer as russian } from '@orama/stemmers/russian';
import { stemmer as spanish } from '@orama/stemmers/spanish';
import { stemmer as swedish } from '@orama/stemmers/swedish';
import { stemmer as tamil } from '@orama/stemmers/tamil';
import { stemmer as turkish } from '@orama/stemmers/turkish';
import { stem as english } from 'porter2';
import type { votingLanguages } from './stop-words.ts';

/** A language in Latin letters whose texts are told apart by their commonest words. */
export type Language = (typeof votingLanguages)[number];

type Stemmer = (word: string) => string;

const latin: Record<Language, Stemmer> = {
  en: english,
  de: german,
  fr: french,
  es: spanish,
  pt: portuguese,
  it: italian,
  nl: dutch,
  sv: swedish,
  da: danish,
  no: norwegian,
  fi: finnish,
  hu: hungarian,
  ro: romanian,
  tr: turkish,
};

/** Scripts that one stemmer serves, whatever the language: text and query are cut alike. */
const scripts: { first: string; last: string; script: RegExp; stemmer: Stemmer }[] = [
  { first: '\u0370', last: '\u03ff', script: /^\p{Script=Greek}+$/u, stemmer: greek },
  { first: '\u0400', last: '\u052f', script: /^\p{Script=Cyrillic}+$/u, stemmer: russian },
  { first: '\u0530', last: '\u058f', script: /^\p{Script=Armenian}+$/u, stemmer: armenian },
  { first: '\u0600', last: '\u06ff', script: /^\p{Script=Arabic}+$/u, stemmer: arabic },
  // With signs for vowels that several scripts share.
  { first: '\u0900', last: '\u097f', script: /^\p{Script_Extensions=Devanagari}+$/u, stemmer: hindi },
  { first: '\u0b80', last: '\u0bff', script: /^\p{Script_Extensions=Tamil}+$/u, stemmer: tamil },
];

/** Longer ones are keys, hashes and Base64, which have no grammar. */
const MAX_STEMMED_CHARACTERS = 40;

/** Whether the lexeme of a folded word depends on the language of its text. */
export const isLatinWord = (folded: string): boolean =>
  folded.length > 2 && folded.length <= MAX_STEMMED_CHARACTERS && /^[a-z]+$/.test(folded);

/**
 * The lexeme of a folded word in a text of this language. A stem that is not English is marked (`haus~`), so that it is
 * never taken for an English word: `important` is no `import` because French would say so.
 */
export function lexemeOf(folded: string, language: Language): string {
  if (isLatinWord(folded)) {
    const stem = latin[language](folded) || folded;
    return language === 'en' ? stem : `${stem}~`;
  }
  // Most of what is left are numbers, and pairs of scripts without spaces.
  if (folded < '\u0370' || folded >= '\u0c00' || folded.length > MAX_STEMMED_CHARACTERS) return folded;
  const [letter = ''] = folded;
  const of = scripts.find(({ first, last }) => letter >= first && letter <= last);
  return (of?.script.test(folded) && of.stemmer(folded)) || folded;
}

/** Words that were cut in all languages lately, at most so many: some 2 MB. Queries and snippets meet the same ones. */
const cut = new Map<string, readonly string[]>();
const MAX_CUT = 4_096;

/** The lexemes under which texts of any language may hold a folded word, the English one first. */
export function lexemesInAnyLanguage(folded: string): readonly string[] {
  if (!isLatinWord(folded)) return [lexemeOf(folded, 'en')];
  const known = cut.get(folded);
  if (known) return known;
  // Of its own: a slice would keep all of the text that it is of.
  const word = Buffer.from(folded, 'latin1').toString('latin1');
  const lexemes = [
    ...new Set((Object.keys(latin) as Language[]).map((language) => lexemeOf(word, language))),
  ];
  if (cut.size === MAX_CUT) cut.clear();
  cut.set(word, lexemes);
  return lexemes;
}
