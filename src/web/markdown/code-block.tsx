import { type ReactNode, useRef } from 'react';
import { CopyButton } from '../parts/copy-button.tsx';

/** A block of code with its language and a button that copies it. */
export function CodeBlock({ children }: { children: ReactNode }) {
  const block = useRef<HTMLPreElement>(null);
  return (
    <figure className="code-block">
      <figcaption className="small muted">
        <span>{languageOf(children)}</span>
        <CopyButton text={() => block.current?.textContent ?? ''} />
      </figcaption>
      <pre ref={block}>{children}</pre>
    </figure>
  );
}

/** Of the one `code` within, which Markdown gives the class `language-…`. */
function languageOf(children: ReactNode): string {
  const className =
    typeof children === 'object' && children && 'props' in children
      ? (children.props as { className?: string }).className
      : undefined;
  return /language-([\w+#-]+)/.exec(className ?? '')?.[1] ?? '';
}
