import { foldWord } from './fold.ts';

/** English words that are not indexed: those of PostgreSQL's `english` (Snowball's list). */
const english = `i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers
herself it its itself they them their theirs themselves what which who whom this that these those am is are was were be
been being have has had having do does did doing a an the and but if or because as until while of at by for with about
against between into through during before after above below to from up down in out on off over under again further
then once here there when where why how all any both each few more most other some such no nor not only own same so than
too very s t can will just don should now`;

/** The commonest words of other languages: they tell in which a text is written. */
const common = {
  de: `der die das und ist nicht ich du er sie es wir ihr ein eine einen einem einer den dem des zu mit auf fur von im
    sich auch wie was aber oder wenn dass sind hat haben kann werden bei nach aus nur noch als uber wird man so`,
  fr: `le la les un une des du de et est ne pas je tu il elle nous vous ils que qui quoi dans pour par sur avec ce cette
    ces mais ou au aux en se son sa ses plus comme sont etre avoir ai suis fait peut`,
  es: `el la los las un una unos y es no que de en por para con del al se lo como mas pero sus su le ya o este esta si
    porque muy sin sobre son ser hay cuando donde yo tu mi qué cómo`,
  pt: `o a os as um uma e é não que de em por para com do da dos das no na nos nas se como mais mas seu sua ao são ser
    está eu você isso este esta quando onde muito também foi tem`,
  it: `il lo la i gli le un una e è non che di in per con del della dei delle nel nella si come più ma anche sono essere
    ho hai ha questo questa quando dove molto cosa perché al alla da io tu mi`,
  nl: `de het een en is niet ik je hij zij wij we dat die van in op te met voor aan er maar om ook als dan bij zijn was
    heb hebben kan wat naar uit door nog wel wordt worden geen deze dit hoe`,
  sv: `och det att är en ett som på av för med den till inte har jag du han hon vi de om men var sig så kan från eller
    när hur vad där här också ska skulle mycket`,
  da: `og det at er en et som på af for med den til ikke har jeg du han hun vi de om men var sig så kan fra eller når
    hvordan hvad der her også skal meget blev være`,
  no: `og det at er en et som på av for med den til ikke har jeg du han hun vi de om men var seg så kan fra eller når
    hvordan hva der her også skal mye ble være etter`,
  fi: `ja on ei se että en hän ovat oli mutta kun niin kuin myös jos tai tämä mitä miten minä sinä voi ole olla joka
    jotka sen mukaan kanssa ennen vain nyt`,
  hu: `a az és hogy nem is ez egy van de meg csak ha vagy mint volt lehet kell még már mi ki én te ő ezt azt hogyan
    amely ami nagyon lesz`,
  ro: `și este nu un o de la în cu pe pentru că din care mai sau ce se sunt fi au ca dar dacă cum când unde eu tu el
    acest această foarte`,
  tr: `bir ve bu da de için ile ne çok daha gibi ama ben sen o mi mu var yok olarak olan kadar sonra nasıl değil veya
    her şey en`,
} as const;

export type StopLanguage = keyof typeof common;

/** Languages that the votes of `votesOf` stand for, by bit. */
export const votingLanguages = ['en', ...(Object.keys(common) as StopLanguage[])] as const;

let sets: { english: Set<string>; votes: Map<string, number> } | undefined;

function openSets() {
  if (sets) return sets;
  const votes = new Map<string, number>();
  [english, ...Object.values(common)].forEach((list, bit) => {
    for (const word of list.split(/\s+/).map(foldWord)) votes.set(word, (votes.get(word) ?? 0) | (1 << bit));
  });
  sets = { english: new Set(english.split(/\s+/)), votes };
  return sets;
}

/** Whether a folded word is left out of the index and of queries. */
export const isStopWord = (folded: string): boolean => openSets().english.has(folded);

/** In which languages a folded word is one of the commonest, as bits in the order of `votingLanguages`. */
export const votesOf = (folded: string): number => openSets().votes.get(folded) ?? 0;
