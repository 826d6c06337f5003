import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { DeleteAccountDocument } from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { useSession } from '../api/session.ts';
import { Confirm } from '../parts/confirm.tsx';
import { texts } from '../texts/index.ts';

const words = texts.account.delete;

/** The way out, behind a sentence that nobody types by chance. */
export function DeleteAccount() {
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  const queries = useQueryClient();
  const phrase = useSession().data?.viewer?.email ?? words.phrase;
  const remove = async () => {
    orThrow((await ask(DeleteAccountDocument, { confirm: typed.trim() })).deleteAccount);
    queries.clear();
    location.assign('/');
  };
  return (
    <section className="card stack" aria-labelledby="delete">
      <h2 id="delete">{words.title}</h2>
      <p className="muted">{words.text}</p>
      <div>
        <button type="button" className="button danger" onClick={() => setOpen(true)}>
          {words.open}
        </button>
      </div>
      {open && (
        <Confirm
          title={words.title}
          action={words.action}
          disabled={typed.trim() !== phrase}
          onConfirm={remove}
          onClose={() => setOpen(false)}
        >
          <p>{words.text}</p>
          <label className="field">
            {words.confirm(phrase)}
            <input
              className="input"
              autoComplete="off"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
        </Confirm>
      )}
    </section>
  );
}
