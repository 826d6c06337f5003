import { useMutation } from '@tanstack/react-query';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useLocation } from 'wouter';
import { type MessageFragment, SiblingsDocument } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { texts } from '../texts/index.ts';

const words = texts.conversations;

/** Arrows to the other versions of a message, each with what followed it. */
export function BranchSwitch({
  message,
  conversationId,
}: {
  message: MessageFragment;
  conversationId: string;
}) {
  const { siblingIndex, siblingCount } = message;
  const [, navigate] = useLocation();
  const go = useMutation({
    mutationFn: async (step: number) => {
      const { node } = await ask(SiblingsDocument, { id: message.id });
      const target = node?.__typename === 'Message' ? node.siblings[siblingIndex + step] : undefined;
      if (target) navigate(`/conversations/${conversationId}?message=${target.id}`);
    },
  });
  return (
    <fieldset className="branch" aria-label={words.branchLabel(siblingIndex + 1, siblingCount)}>
      <button
        type="button"
        className="button quiet compact icon"
        aria-label={words.previousBranch}
        disabled={siblingIndex === 0 || go.isPending}
        onClick={() => go.mutate(-1)}
      >
        <ChevronLeft size={16} aria-hidden="true" />
      </button>
      <span>{words.branch(siblingIndex + 1, siblingCount)}</span>
      <button
        type="button"
        className="button quiet compact icon"
        aria-label={words.nextBranch}
        disabled={siblingIndex === siblingCount - 1 || go.isPending}
        onClick={() => go.mutate(1)}
      >
        <ChevronRight size={16} aria-hidden="true" />
      </button>
    </fieldset>
  );
}
