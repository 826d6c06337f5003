import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import {
  ApiKeysDocument,
  CreateApiKeyDocument,
  type KeyFragment,
  RevokeApiKeyDocument,
  type Scope,
} from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { useSession } from '../api/session.ts';
import { formatTime } from '../format.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { DayField } from '../parts/filter-fields.tsx';
import { LeavingButton } from '../parts/leaving-button.tsx';
import { Loading } from '../parts/loading.tsx';
import { Select } from '../parts/select.tsx';
import { texts } from '../texts/index.ts';

const words = texts.account.keys;

/** Keys for programs: made, shown once, revoked. */
export function ApiKeys() {
  const queries = useQueryClient();
  const keys = useQuery({
    queryKey: ['api-keys'],
    queryFn: ({ signal }) => ask(ApiKeysDocument, {}, signal),
  });
  const reload = async () => {
    for (const key of ['api-keys', 'audit-log']) await queries.invalidateQueries({ queryKey: [key] });
  };
  const revoke = useMutation({
    mutationFn: async (id: string) => {
      orThrow((await ask(RevokeApiKeyDocument, { id })).revokeApiKey);
      await reload();
    },
  });
  return (
    <section className="card stack" aria-labelledby="keys">
      <h2 id="keys">{words.title}</h2>
      <p className="muted">{words.text}</p>
      <KeyForm onMade={reload} />
      {keys.isPending && <Loading lines={2} />}
      {keys.isError && <Failure error={keys.error} retry={() => void keys.refetch()} />}
      <FailureNotice error={revoke.error} />
      {keys.data?.apiKeys.length === 0 && <p className="muted">{words.none}</p>}
      <ul className="plain entries">
        {keys.data?.apiKeys.map((key) => (
          <li key={key.id} tabIndex={-1}>
            <div>
              <strong>{key.name}</strong> <code className="small">{key.prefix}…</code>
              <p className="small muted">{factsOf(key)}</p>
            </div>
            {key.revokedAt ? (
              <span className="badge">{words.revoked}</span>
            ) : (
              <LeavingButton
                label={words.revokeOf(key.name)}
                busy={revoke.isPending}
                onClick={() => revoke.mutate(key.id)}
              >
                {words.revoke}
              </LeavingButton>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function factsOf({ scopes, lastUsedAt, expiresAt }: KeyFragment): string {
  const widest: Scope = scopes.includes('ADMIN') ? 'ADMIN' : scopes.includes('WRITE') ? 'WRITE' : 'READ';
  return [
    words.scopes[widest],
    lastUsedAt ? words.used(formatTime(lastUsedAt)) : words.unused,
    expiresAt && words.until(formatTime(expiresAt)),
  ]
    .filter(Boolean)
    .join(' · ');
}

function KeyForm({ onMade }: { onMade: () => Promise<void> }) {
  const isOwner = useSession().data?.viewer?.isOwner ?? false;
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>('READ');
  const [until, setUntil] = useState('');
  const make = useMutation({
    mutationFn: async () => {
      const expiresAt = until ? new Date(`${until}T23:59:59`).toISOString() : null;
      const scopes: Scope[] =
        scope === 'READ' ? ['READ'] : scope === 'WRITE' ? ['READ', 'WRITE'] : ['READ', 'WRITE', 'ADMIN'];
      const made = orThrow(
        (await ask(CreateApiKeyDocument, { input: { name, scopes, expiresAt } })).createApiKey,
      );
      setName('');
      await onMade();
      return made.key;
    },
  });
  const { READ, WRITE, ADMIN } = words.scopes;
  return (
    <>
      <form
        className="key-form"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <label className="field small">
          {words.name}
          <input
            className="input"
            required
            placeholder={words.namePlaceholder}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <Select
          label={words.scope}
          value={scope}
          options={{ READ, WRITE, ...(isOwner ? { ADMIN } : {}) }}
          onChange={(value) => setScope(value as Scope)}
        />
        <DayField label={words.expires} value={until} onChange={setUntil} />
        <button type="submit" className="button" disabled={make.isPending}>
          {words.make}
        </button>
      </form>
      <FailureNotice error={make.error} />
      {make.data && (
        <div className="notice key-made" role="status">
          <div>
            <p>{words.made}</p>
            <code>{make.data}</code>
          </div>
          <CopyButton text={() => make.data ?? ''} />
        </div>
      )}
    </>
  );
}
