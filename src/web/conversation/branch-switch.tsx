import { useMutation } from '@tanstack/react-query';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useLocation } from 'wouter';
import { type MessageFragment, SiblingsDocument } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { texts } from '../texts/index.ts';

const words = texts.conversations;

/** On the way to another version of a message. */
export interface Switch {
  /** 1 for the next, -1 for the one before. */
  step: number;
  /** Where the message stands in the window, in pixels from its top. */
  top: number;
}

/** Arrows to the other versions of a message, each with what followed it. */
export function BranchSwitch({
  message,
  conversationId,
  onSwitch,
}: {
  message: MessageFragment;
  conversationId: string;
  onSwitch: (next: Switch) => void;
}) {
  const { siblingIndex, siblingCount } = message;
  const [, navigate] = useLocation();
  const go = useMutation({
    mutationFn: async (step: number) => {
      const { node } = await ask(SiblingsDocument, { id: message.id });
      const target = node?.__typename === 'Message' ? node.siblings[siblingIndex + step] : undefined;
      if (!target) return;
      const top = document.getElementById(message.id)?.getBoundingClientRect().top ?? 0;
      onSwitch({ step, top });
      // The list beside it keeps its filters.
      const address = new URLSearchParams(location.search);
      address.set('message', target.id);
      navigate(`/conversations/${conversationId}?${address}`);
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
