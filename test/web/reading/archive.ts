import { chatGpt, dialogue, type Json, node, say } from '../../archive/builders.ts';

/** Longer than a column of a narrow table. */
export const WORD = 'incomprehensibilities';
const WIDE = Array.from({ length: 8 }, () => WORD).join(' | ');

const MARKDOWN = `# Heading

Some **bold** text, [a link](https://example.com/), \\(a^2 + b^2\\), and

\\[
\\frac{1}{2}
\\]

| a | b |
| - | - |
| 1 | 2 |

| ${WIDE} |
| ${WIDE.replaceAll(WORD, '-')} |

\`\`\`js
const answer = 42;
\`\`\`
`;

/** Two answers to one question, the second of them shown. */
export function branched(): Json {
  const { mapping } = chatGpt([
    node('root', null, null, { children: ['q'] }),
    node('q', 'root', say('user', 'Which way?'), { children: ['left', 'right'] }),
    node('left', 'q', say('assistant', 'To the left.'), { children: [] }),
    node('right', 'q', say('assistant', 'To the right.'), { children: ['thanks'] }),
    node('thanks', 'right', say('user', 'Thanks!'), { children: [] }),
  ]);
  return dialogue('branched', {
    mapping,
    current_node: 'thanks',
    title: 'Crossroads',
    update_time: 1_700_000_800,
  });
}

/** One thread of so many turns. */
export function long(turns: number): Json {
  const nodes = Array.from({ length: turns }, (_, turn) =>
    node(
      `n${turn}`,
      turn === 0 ? null : `n${turn - 1}`,
      say(turn % 2 ? 'assistant' : 'user', `Turn ${turn}.`),
      {
        children: turn + 1 < turns ? [`n${turn + 1}`] : [],
      },
    ),
  );
  return dialogue('long', {
    mapping: chatGpt(nodes).mapping,
    current_node: `n${turns - 1}`,
    title: 'A long talk',
  });
}

/** Everything that Markdown may hold, behind a folded thought. */
export function formatted(): Json {
  const { mapping } = chatGpt([
    node('root', null, null, { children: ['q'] }),
    node('q', 'root', say('user', 'Show me *everything*.'), { children: ['think'] }),
    node(
      'think',
      'q',
      say('assistant', '', {
        content: { content_type: 'thoughts', thoughts: [{ summary: 'Hm', content: 'deep' }] },
      }),
      { children: ['a'] },
    ),
    node('a', 'think', say('assistant', MARKDOWN), { children: [] }),
  ]);
  return dialogue('formatted', { mapping, title: 'Formats' });
}
