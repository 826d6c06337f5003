import { type Random, randomFrom } from './random.ts';

const wordCount = 40_000;
/** The lexicon is one language for all seeds, so that exports of different people share their words. */
const lexiconSeed = 7;
const zipfExponent = 1.05;
/** Mandelbrot's shift: flattens the head, as in English. */
const zipfShift = 2.7;

/** In order of how common they are in English. */
const functionWords =
  `the of and to a in is you that it for on with as are be this have from or by not but what all were when we can
there an your which their if will each about how up out them then many some so these would other into has more two
like him see could no make than first been its who now people my made over did down only way find use may long after
just where most know get through back much before go good new our me man any day same right look think also around
another came come work three word must because does part even place well such here take why help put different away
again off went old number great tell men say small every found still between name should home big give air line set
own under read last never us left end along while might next sound below saw something thought both few those always
looked show large often together asked house world going want school important until form food keep children feet
land side without boy once animal life enough took sometimes four head above kind began almost live page got earth
need far hand high year mother light country father let night picture being study second soon story since white ever`.split(
    /\s+/,
  );

const onsets = 'b c d f g h l m n p r s t v w br cr dr fl gr pl pr sl st tr th sh'.split(' ');
const vowels = 'a e i o u a e i o ai ea oo'.split(' ');
const codas = ['', '', 'n', 'r', 'l', 's', 't', 'm', 'd', 'nd', 'st', 'ck', 'rn', 'lt'];
const endings = ['ing', 'ed', 's', 'er', 'tion', 'ly', 'ness', 'ment', 'al', 'ity', 'able'];

export interface Lexicon {
  /** 40,000 distinct words, the commonest first. */
  words: readonly string[];
  /** How many of the first words are real English ones. */
  functionWordCount: number;
  /** The rank of a word drawn by Zipf-Mandelbrot's law. */
  draw(random: Random): number;
}

let lexicon: Lexicon | undefined;

/** Made at the first call, in about 50 ms, and kept. */
export function openLexicon(): Lexicon {
  lexicon ??= { words: makeWords(), functionWordCount: functionWords.length, draw: makeSampler() };
  return lexicon;
}

function makeWords(): string[] {
  const random = randomFrom(lexiconSeed);
  const words = new Set(functionWords);
  while (words.size < wordCount) {
    // Common words are short in every language (Zipf's law of abbreviation).
    const syllables = words.size < 1500 ? random.between(1, 2) : random.between(2, 3);
    let word = '';
    for (let i = 0; i < syllables; i++) word += random.pick(onsets) + random.pick(vowels);
    word += random.pick(codas);
    if (random.chance(0.35)) word += random.pick(endings);
    if (word.length > 2) words.add(word);
  }
  return [...words];
}

/** Walker's alias method in Vose's form: one random number and one comparison for a word. */
function makeSampler(): (random: Random) => number {
  const weights = Array.from({ length: wordCount }, (_, rank) => (rank + 1 + zipfShift) ** -zipfExponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const scaled = Float64Array.from(weights, (weight) => (weight / total) * wordCount);
  const alias = Uint16Array.from(scaled, (_, rank) => rank);
  const small: number[] = [];
  const large: number[] = [];
  scaled.forEach((weight, rank) => {
    (weight < 1 ? small : large).push(rank);
  });
  for (;;) {
    const low = small.pop();
    const high = large.pop();
    if (low === undefined || high === undefined) break;
    alias[low] = high;
    const rest = (scaled[high] ?? 0) - (1 - (scaled[low] ?? 0));
    scaled[high] = rest;
    (rest < 1 ? small : large).push(high);
  }
  return (random) => {
    const point = random.next() * wordCount;
    const rank = Math.floor(point);
    return point - rank < (scaled[rank] ?? 1) ? rank : (alias[rank] ?? rank);
  };
}
