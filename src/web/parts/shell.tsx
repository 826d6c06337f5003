import { useMutation } from '@tanstack/react-query';
import {
  ChartColumn,
  CircleUserRound,
  Import,
  LogOut,
  MessageCircleQuestion,
  MessagesSquare,
  Search,
} from 'lucide-react';
import { type ReactNode, useEffect, useLayoutEffect, useRef } from 'react';
import { Link, useLocation } from 'wouter';
import { signOut } from '../api/session.ts';
import { texts } from '../texts/index.ts';
import { FailureNotice } from './failure.tsx';
import { Offline } from './offline.tsx';
import { ThemeSwitch } from './theme-switch.tsx';
import { useArrival } from './use-arrival.ts';

const pages = [
  { path: '/conversations', name: texts.shell.pages.conversations, Icon: MessagesSquare },
  { path: '/search', name: texts.shell.pages.search, Icon: Search },
  { path: '/chat', name: texts.shell.pages.chat, Icon: MessageCircleQuestion },
  { path: '/import', name: texts.shell.pages.import, Icon: Import },
  { path: '/insights', name: texts.shell.pages.insights, Icon: ChartColumn },
  { path: '/account', name: texts.shell.pages.account, Icon: CircleUserRound },
];

/** What stands around every page of somebody who is signed in. */
export function Shell({ user, children }: { user: string; children: ReactNode }) {
  const [location, navigate] = useLocation();
  const main = useRef<HTMLElement>(null);
  const leave = useMutation({ mutationFn: signOut });
  useArrival(location, main);
  const section = `/${location.split('/')[1]}`;
  const page = pages.find(({ path }) => path === section);
  // Before what is within, which may have a title of its own.
  useLayoutEffect(() => {
    document.title = page ? `${page.name} · ${texts.shell.name}` : texts.shell.name;
  }, [page]);
  useEffect(() => {
    const search = (event: KeyboardEvent) => {
      const { target } = event;
      const isTyping = target instanceof HTMLElement && target.closest('input, textarea, select, dialog');
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
      event.preventDefault();
      const box = document.getElementById('search-box');
      if (box) box.focus();
      else navigate('/search');
    };
    addEventListener('keydown', search);
    return () => removeEventListener('keydown', search);
  }, [navigate]);
  return (
    <div className="shell">
      <button type="button" className="button primary skip" onClick={() => main.current?.focus()}>
        {texts.shell.skip}
      </button>
      <header className="side">
        <Link href="/" className="brand">
          <img src="/logo.svg" alt="" width={28} height={28} />
          {texts.shell.name}
        </Link>
        <nav className="nav" aria-label={texts.shell.navigation}>
          {pages.map(({ path, name, Icon }) => (
            <Link key={path} href={path} aria-current={path === section ? 'page' : undefined}>
              <Icon size={19} aria-hidden="true" />
              {name}
            </Link>
          ))}
        </nav>
        <div className="side-end">
          <span className="small muted" title={user}>
            {user}
          </span>
          <ThemeSwitch />
          <button
            type="button"
            className="button quiet icon"
            aria-label={texts.shell.signOut}
            title={texts.shell.signOut}
            disabled={leave.isPending}
            onClick={() => leave.mutate()}
          >
            <LogOut size={18} aria-hidden="true" />
          </button>
        </div>
      </header>
      <main className="main" ref={main} tabIndex={-1}>
        <Offline />
        <FailureNotice error={leave.error} />
        {children}
      </main>
    </div>
  );
}
