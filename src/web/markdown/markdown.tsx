import { useId, useMemo } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import rehypeSanitize, { defaultSchema } from 'rehype-sanitize';
import remarkGfm from 'remark-gfm';
import { Link } from 'wouter';
import { texts } from '../texts/index.ts';
import { CodeBlock } from './code-block.tsx';
import { withDollarMath } from './math-delimiters.ts';
import { PlainText } from './plain-text.tsx';
import { RemoteImage } from './remote-image.tsx';
import { TableBox } from './table-box.tsx';
import { isTooMuch } from './too-much.ts';
import { useExtras } from './use-extras.ts';
import './markdown.css';

/**
 * HTML in the text is never HTML here: react-markdown shows it as text. What it makes of Markdown is sanitised all the same,
 * before mathematics and colours, which are ours, come in.
 */
const schema = {
  ...defaultSchema,
  // Only footnotes have ids, and theirs begin with what is the message's own.
  clobberPrefix: '',
  attributes: {
    ...defaultSchema.attributes,
    code: [
      ['className', /^language-[\w+#-]+$/, 'math-inline', 'math-display'] satisfies [string, ...unknown[]],
    ],
  },
};

const { tasks } = texts.conversations;

/** The number of a citation, and where what it names can be read; null when that is gone. */
export type Citations = ReadonlyMap<number, string | null>;

const NO_CITATIONS: Citations = new Map();
const CITATION = /\[(\d{1,2})\](?![(:])/g;
const citationOf = (href: string | undefined) => /^#citation-(\d+)$/.exec(href ?? '')?.[1];

/** Makes links of the numbers in brackets that are known, so that Markdown knows where words and code end. */
const withCitations = (text: string, citations: Citations) =>
  citations.size === 0
    ? text
    : text.replace(CITATION, (whole, number: string) =>
        citations.get(Number(number)) ? `[\\[${number}\\]](#citation-${number})` : whole,
      );

const componentsFor = (citations: Citations): Components => ({
  a({ href, children, title }) {
    const cited = citationOf(href);
    const address = cited && citations.get(Number(cited));
    if (address) return <Link href={address}>{children}</Link>;
    if (href?.startsWith('#')) return <a href={href}>{children}</a>;
    return (
      <a href={href} title={title} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    );
  },
  img: ({ src, alt }) => <RemoteImage src={typeof src === 'string' ? src : ''} description={alt ?? ''} />,
  input: ({ checked }) => (
    <input
      type="checkbox"
      disabled
      checked={checked ?? false}
      aria-label={checked ? tasks.done : tasks.open}
    />
  ),
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
  table: ({ children }) => <TableBox>{children}</TableBox>,
});

/** A message’s text as Markdown with tables, coloured code, and mathematics. Nothing in it runs or is loaded. */
export function Markdown({ text, citations = NO_CITATIONS }: { text: string; citations?: Citations }) {
  if (isTooMuch(text)) return <PlainText text={text} />;
  return <Parsed text={withCitations(withDollarMath(text), citations)} citations={citations} />;
}

function Parsed({ text, citations }: { text: string; citations: Citations }) {
  const id = useId();
  const { remark, rehype } = useExtras(text);
  const components = useMemo(() => componentsFor(citations), [citations]);
  return (
    <div className="markdown" dir="auto">
      <ReactMarkdown
        remarkPlugins={[remarkGfm, ...remark]}
        remarkRehypeOptions={{ clobberPrefix: id }}
        rehypePlugins={[[rehypeSanitize, schema], ...rehype]}
        components={components}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
}
