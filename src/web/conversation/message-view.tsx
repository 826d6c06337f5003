import { Link2 } from 'lucide-react';
import { memo } from 'react';
import { Link } from 'wouter';
import type { MessageFragment } from '../../generated/web/operations.ts';
import { formatTime } from '../format.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { PlainText } from '../markdown/plain-text.tsx';
import { CopyButton } from '../parts/copy-button.tsx';
import { texts } from '../texts/index.ts';
import { BranchSwitch, type Switch } from './branch-switch.tsx';
import { Files } from './files.tsx';

const words = texts.conversations;

/** Who said it, in the words of a reader. */
function authorOf({ role, authorName, model }: MessageFragment, provider: string): string {
  if (role === 'user') return authorName ?? words.you;
  if (role === 'assistant') return model ?? words.assistants[provider] ?? role;
  return authorName ?? role;
}

/**
 * One message; tools and reasoning are folded, for few want to read them. Drawn anew only when it changes: thousands may stand
 * before the ones that come.
 */
export const MessageView = memo(function MessageView({
  message,
  conversationId,
  provider,
  isAnchor,
  onSwitch,
}: {
  message: MessageFragment;
  conversationId: string;
  provider: string;
  isAnchor: boolean;
  /** Hears that another version of it is asked for. */
  onSwitch: (next: Switch) => void;
}) {
  const { kind, role, text, assets } = message;
  const author = authorOf(message, provider);
  const body = (
    <>
      {role === 'user' ? <PlainText text={text} /> : <Markdown text={text} />}
      <Files assets={assets} />
    </>
  );
  return (
    <li
      id={message.id}
      tabIndex={-1}
      className={`message ${role === 'user' ? 'from-user' : ''} ${isAnchor ? 'anchored' : ''}`}
    >
      {kind === 'VISIBLE' ? (
        <>
          <p className="message-author">{author}</p>
          {body}
        </>
      ) : (
        <details open={isAnchor}>
          <summary className="small">
            {words.kinds[kind]}
            {kind === 'TOOL' && author !== role && ` · ${author}`}
          </summary>
          {body}
        </details>
      )}
      <footer className="message-foot small muted">
        {message.siblingCount > 1 && (
          <BranchSwitch message={message} conversationId={conversationId} onSwitch={onSwitch} />
        )}
        {message.createdAt && <time dateTime={message.createdAt}>{formatTime(message.createdAt)}</time>}
        {kind === 'VISIBLE' && text !== '' && <CopyButton text={() => text} />}
        <Link
          className="button quiet compact icon"
          href={`/conversations/${conversationId}?message=${message.id}`}
          aria-label={words.link}
          title={words.link}
        >
          <Link2 size={14} aria-hidden="true" />
        </Link>
      </footer>
    </li>
  );
});
