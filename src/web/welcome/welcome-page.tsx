import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { SignInMethod } from '../../generated/web/operations.ts';
import { ApiError } from '../api/graphql.ts';
import { signInWithKey } from '../api/session.ts';
import { FailureNotice } from '../parts/failure.tsx';
import { HowToExport } from '../parts/how-to-export.tsx';
import { ThemeSwitch } from '../parts/theme-switch.tsx';
import { texts } from '../texts/index.ts';
import './welcome.css';

/** What this is, and the way in. After Google one comes back to the address that was asked for. */
export function WelcomePage({ methods }: { methods: readonly SignInMethod[] }) {
  const { welcome } = texts;
  const returnTo = encodeURIComponent(location.pathname + location.search);
  return (
    <div className="welcome">
      <header className="row spread">
        <span className="brand">
          <img src="/logo.svg" alt="" width={28} height={28} />
          {texts.shell.name}
        </span>
        <ThemeSwitch />
      </header>
      <main>
        <section className="welcome-lead">
          <h1>{welcome.title}</h1>
          <p>{welcome.lead}</p>
          <dl>
            {welcome.points.map(([title, text]) => (
              <div key={title}>
                <dt>{title}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </section>
        <section className="card stack" aria-labelledby="sign-in">
          <h2 id="sign-in">{welcome.signIn}</h2>
          {methods.includes('GOOGLE') && (
            <>
              <a className="button primary" href={`/auth/login?returnTo=${returnTo}`}>
                {welcome.google}
              </a>
              <p className="muted small welcome-or">{welcome.or}</p>
            </>
          )}
          <KeyForm primary={!methods.includes('GOOGLE')} />
        </section>
        <section className="welcome-export">
          <HowToExport />
        </section>
      </main>
    </div>
  );
}

function KeyForm({ primary }: { primary: boolean }) {
  const { welcome } = texts;
  const [key, setKey] = useState('');
  const queries = useQueryClient();
  const signIn = useMutation({
    mutationFn: async (apiKey: string) => {
      if (apiKey === '') throw new ApiError(welcome.missingKey, 'INVALID_INPUT');
      await signInWithKey(apiKey).catch((error) => {
        throw error instanceof ApiError && error.code === 'NOT_SIGNED_IN'
          ? new ApiError(welcome.wrongKey, error.code)
          : error;
      });
      await queries.invalidateQueries();
    },
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        signIn.mutate(key.trim());
      }}
    >
      <div className="field">
        <label htmlFor="key">{welcome.key}</label>
        <input
          id="key"
          className="input"
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          aria-describedby="key-hint"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <p id="key-hint" className="small muted">
          {welcome.keyHint}
        </p>
      </div>
      <FailureNotice error={signIn.error} />
      <button type="submit" className={`button ${primary ? 'primary' : ''}`} disabled={signIn.isPending}>
        {welcome.withKey}
      </button>
    </form>
  );
}
