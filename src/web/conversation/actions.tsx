import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Archive, ArchiveRestore, Download, Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import {
  ArchiveConversationDocument,
  type ConversationHeadFragment,
  DeleteConversationDocument,
  RenameConversationDocument,
} from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { FailureNotice } from '../parts/failure.tsx';
import { Menu } from '../parts/menu.tsx';
import { texts } from '../texts/index.ts';

const words = texts.conversations;

/** What one can do with a conversation. */
export function Actions({ conversation, back }: { conversation: ConversationHeadFragment; back: string }) {
  const { id, archived } = conversation;
  const [open, setOpen] = useState<'rename' | 'delete' | null>(null);
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const keep = (changed: ConversationHeadFragment) => {
    queries.setQueryData(['conversation', id], { conversation: changed });
    void queries.invalidateQueries({ queryKey: ['conversations'] });
  };
  const archive = useMutation({
    mutationFn: async () =>
      keep(
        orThrow((await ask(ArchiveConversationDocument, { id, archived: !archived })).archiveConversation),
      ),
  });
  const remove = async () => {
    orThrow((await ask(DeleteConversationDocument, { id })).deleteConversation);
    void queries.invalidateQueries({ queryKey: ['conversations'] });
    navigate(back);
  };
  const ArchiveIcon = archived ? ArchiveRestore : Archive;
  return (
    <>
      <div className="row conversation-actions">
        <button type="button" className="button quiet compact" onClick={() => setOpen('rename')}>
          <Pencil size={14} aria-hidden="true" /> {words.rename}
        </button>
        <button
          type="button"
          className="button quiet compact"
          disabled={archive.isPending}
          onClick={() => archive.mutate()}
        >
          <ArchiveIcon size={14} aria-hidden="true" /> {archived ? words.unarchive : words.archive}
        </button>
        <Menu
          label={
            <>
              <Download size={14} aria-hidden="true" /> {words.export}
            </>
          }
        >
          <ul className="plain">
            {(['markdownUrl', 'htmlUrl', 'jsonUrl'] as const).map((format) => (
              <li key={format}>
                <a href={conversation[format]} download>
                  {words.formats[format]}
                </a>
              </li>
            ))}
          </ul>
        </Menu>
        <button type="button" className="button quiet compact" onClick={() => setOpen('delete')}>
          <Trash2 size={14} aria-hidden="true" /> {words.delete}
        </button>
      </div>
      <FailureNotice error={archive.error} />
      {open === 'rename' && <Rename conversation={conversation} keep={keep} onClose={() => setOpen(null)} />}
      {open === 'delete' && (
        <Confirm
          title={words.deleteTitle}
          action={words.delete}
          onConfirm={remove}
          onClose={() => setOpen(null)}
        >
          <p>{words.deleteText}</p>
        </Confirm>
      )}
    </>
  );
}

function Rename({
  conversation,
  keep,
  onClose,
}: {
  conversation: ConversationHeadFragment;
  keep: (changed: ConversationHeadFragment) => void;
  onClose: () => void;
}) {
  const [title, setTitle] = useState(conversation.title);
  const rename = useMutation({
    mutationFn: async () => {
      keep(
        orThrow((await ask(RenameConversationDocument, { id: conversation.id, title })).renameConversation),
      );
      onClose();
    },
  });
  return (
    <Dialog title={words.rename} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          rename.mutate();
        }}
      >
        <label className="field">
          {words.newTitle}
          <input
            className="input"
            required
            value={title}
            onChange={(event) => setTitle(event.target.value)}
          />
        </label>
        <FailureNotice error={rename.error} />
        <div className="row spread">
          <button type="button" className="button" onClick={onClose}>
            {texts.shell.cancel}
          </button>
          <button type="submit" className="button primary" disabled={rename.isPending}>
            {words.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
