import rehypeKatex from 'rehype-katex';
import remarkMath from 'remark-math';
import type { PluggableList } from 'unified';

export const remark: PluggableList = [[remarkMath, { singleDollarTextMath: false }]];

export const rehype: PluggableList = [
  // MathML alone: every browser of today draws it, and neither fonts nor styles have to be loaded.
  [rehypeKatex, { output: 'mathml', strict: 'ignore', trust: false }],
];
