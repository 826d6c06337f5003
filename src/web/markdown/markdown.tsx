import { useId } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import rehypeSanitize, { defaultSchema } from 'rehype-sanitize';
import remarkGfm from 'remark-gfm';
import { CodeBlock } from './code-block.tsx';
import { withDollarMath } from './math-delimiters.ts';
import { RemoteImage } from './remote-image.tsx';
import { useExtras } from './use-extras.ts';
import './markdown.css';

/** Longer text is shown as it was written: a parser of Markdown takes more than linear time on hostile text. */
const MAX_CHARACTERS = 60_000;

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

const components: Components = {
  a: ({ href, children, title }) =>
    href?.startsWith('#') ? (
      <a href={href}>{children}</a>
    ) : (
      <a href={href} title={title} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ),
  img: ({ src, alt }) => <RemoteImage src={typeof src === 'string' ? src : ''} description={alt ?? ''} />,
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
};

/** A message’s text as Markdown with tables, coloured code, and mathematics. Nothing in it runs or is loaded. */
export function Markdown({ text }: { text: string }) {
  if (text.length > MAX_CHARACTERS) return <div className="plain-text">{text}</div>;
  return <Parsed text={withDollarMath(text)} />;
}

function Parsed({ text }: { text: string }) {
  const id = useId();
  const { remark, rehype } = useExtras(text);
  return (
    <div className="markdown">
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
