import { openLexicon } from './lexicon.ts';
import type { Random } from './random.ts';
import { capitalise, type Topic } from './topic.ts';

export interface Writer {
  word(): string;
  sentence(): string;
  /** What a person types: sentences, rarely a long paste. */
  prompt(): string;
  /** What a model answers: markdown of about `targetChars` characters. */
  reply(targetChars: number): string;
  code(lines: number): string;
}

const accented = [
  'café',
  'naïve',
  'Zürich',
  'São Paulo',
  'déjà vu',
  'Łódź',
  'smörgåsbord',
  'jalapeño',
  'Ελλάδα',
  'Привет',
];
const emoji = ['😀', '🚀', '✅', '🎉', '⚠️', '👩‍💻', '📌', '🤔', '🇫🇷', '👍🏽'];
const ideographs = [
  ...'日本語中文学生時間問題方法世界新年大小学校電気水火山川人心手話書読見行来食飲今明前後東西南北',
];
const kana = [...'のはがをにでとものですますかなさいらりるれろ'];

/** Writes in the vocabulary of `topic`; every value comes from `random`. */
export function openWriter(random: Random, topic: Topic): Writer {
  const { words, functionWordCount, draw } = openLexicon();
  const inChinese = random.chance(0.04);

  function contentWord(): string {
    if (random.chance(0.18)) return random.pick(topic.words);
    for (;;) {
      const rank = draw(random);
      if (rank >= functionWordCount) return words[rank] ?? '';
    }
  }

  function sentence(): string {
    if (inChinese && random.chance(0.5)) return cjkSentence();
    const count = random.between(6, 20);
    let text = '';
    let functionRun = 0;
    for (let i = 0; i < count; i++) {
      const rank = draw(random);
      const isFunction = rank < functionWordCount;
      // Three small words in a row, or one at the end, do not read like a sentence.
      const wanted = isFunction && functionRun < 2 && i < count - 1;
      functionRun = wanted ? functionRun + 1 : 0;
      const next = wanted ? (words[rank] ?? '') : contentWord();
      text += i === 0 ? capitalise(next) : (i > 4 && random.chance(0.06) ? ', ' : ' ') + next;
    }
    if (random.chance(0.01)) text += ` (${random.pick(accented)})`;
    return text + (random.chance(0.08) ? '?' : '.');
  }

  function cjkSentence(): string {
    let text = '';
    const count = random.between(8, 24);
    for (let i = 0; i < count; i++) text += random.pick(random.chance(0.6) ? ideographs : kana);
    return `${text}。`;
  }

  function sentences(count: number): string {
    return Array.from({ length: count }, sentence).join(' ');
  }

  function phrase(): string {
    return capitalise(Array.from({ length: random.between(2, 4) }, contentWord).join(' '));
  }

  function code(lines: number): string {
    const name = contentWord();
    const body = Array.from({ length: lines }, () => {
      const [left, right] = [contentWord(), contentWord()];
      const shape = random.below(4);
      if (shape === 0) return `    ${left} = ${right}(${random.below(1000)})`;
      if (shape === 1) return `    if ${left} > ${random.below(100)}:\n        return "${right}"`;
      if (shape === 2) return `    # ${left} ${right} ${contentWord()}`;
      return `    ${left}_${right}.append(${name}[${random.below(64)}])`;
    });
    return `def ${name}_${contentWord()}(${contentWord()}, ${contentWord()}=None):\n${body.join('\n')}\n    return ${name}`;
  }

  function block(): string {
    const kind = random.next();
    if (kind < 0.62) return sentences(random.between(2, 5));
    if (kind < 0.78) {
      const ordered = random.chance(0.4);
      const items = Array.from({ length: random.between(3, 6) }, (_, i) => {
        const marker = ordered ? `${i + 1}.` : '-';
        return random.chance(0.5) ? `${marker} **${phrase()}**: ${sentence()}` : `${marker} ${sentence()}`;
      });
      return items.join('\n');
    }
    if (kind < 0.86) return `${'#'.repeat(random.between(2, 4))} ${phrase()}\n\n${sentences(2)}`;
    if (kind < 0.95) return `\`\`\`python\n${code(random.between(3, 10))}\n\`\`\``;
    if (kind < 0.98) {
      const rows = Array.from(
        { length: 3 },
        () => `| ${contentWord()} | ${random.below(500)} | ${phrase()} |`,
      );
      return `| ${phrase()} | ${contentWord()} | ${contentWord()} |\n|---|---|---|\n${rows.join('\n')}`;
    }
    return `> ${sentence()} ${random.pick(emoji)}`;
  }

  return {
    word: contentWord,
    sentence,
    code,
    prompt() {
      if (random.chance(0.03)) {
        return `${sentence()}\n\n${Array.from({ length: random.between(5, 25) }, sentence).join('\n')}`;
      }
      if (random.chance(0.02)) return `${sentence()} ${random.pick(emoji)}`;
      return sentences(random.between(1, 4));
    },
    reply(targetChars) {
      let text = sentences(random.between(1, 3));
      while (text.length < targetChars) text += `\n\n${block()}`;
      return text;
    },
  };
}
