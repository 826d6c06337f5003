import { TriangleAlert } from 'lucide-react';
import { Link } from 'wouter';
import type { TurnFragment } from '../../generated/web/operations.ts';
import { formatDay } from '../format.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { PlainText } from '../markdown/plain-text.tsx';
import { texts } from '../texts/index.ts';

const words = texts.chat;

type Citations = TurnFragment['context'];

const addressOf = ({ conversation, message }: Citations[number]): string | null =>
  conversation && message ? `/conversations/${conversation.id}?message=${message.id}` : null;

/** A question and what there is of its answer; each number in it leads to the message that it names. */
export function TurnView({
  query,
  answer,
  context,
  error,
  status,
  onRetry,
}: {
  query: string;
  answer: string;
  context: Citations;
  error: string | null;
  /** What is going on, while it is. */
  status: string | null;
  onRetry: (() => void) | null;
}) {
  const links = new Map(context.map((citation) => [citation.number, addressOf(citation)]));
  return (
    <li className="turn">
      <div className="from-user">
        <p className="message-author">{words.you}</p>
        <PlainText text={query} />
      </div>
      <div className="stack" aria-busy={status !== null}>
        {answer !== '' && (
          <div>
            <p className="message-author">{words.answer}</p>
            <Markdown text={answer} citations={links} />
          </div>
        )}
        {status && (
          <p className="row muted" role="status">
            <span className="spinner" aria-hidden="true" /> {status}
          </p>
        )}
        {error && (
          <div className="notice danger" role="alert">
            <TriangleAlert size={18} aria-hidden="true" />
            <div className="stack">
              <p>{error}</p>
              {onRetry && (
                <button type="button" className="button compact" onClick={onRetry}>
                  {words.retry}
                </button>
              )}
            </div>
          </div>
        )}
        {context.length > 0 && <Sources context={context} />}
      </div>
    </li>
  );
}

function Sources({ context }: { context: Citations }) {
  return (
    <details className="sources">
      <summary className="small muted">
        {words.sources} ({context.length})
      </summary>
      <ol className="plain">
        {context.map((citation) => {
          const address = addressOf(citation);
          return (
            <li key={citation.number}>
              <span className="badge">{citation.number}</span>
              <div>
                {address ? (
                  <Link href={address}>{citation.conversation?.title}</Link>
                ) : (
                  <em>{words.deleted}</em>
                )}{' '}
                <span className="small muted">{formatDay(citation.message?.createdAt)}</span>
                <p className="small muted source-quote">{citation.quote}</p>
              </div>
            </li>
          );
        })}
      </ol>
    </details>
  );
}
