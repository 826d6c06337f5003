import { type ReactNode, useLayoutEffect, useRef } from 'react';

/**
 * A button in a row that takes away itself or its row. Whoever pressed it by keyboard is on that row then, or on the one in its
 * place, and goes on from there. Rows need a `tabIndex` of -1.
 */
export function LeavingButton({
  className = 'button compact',
  label,
  busy,
  onClick,
  children,
}: {
  className?: string;
  /** What it is called where its text alone does not say of what. */
  label?: string;
  /** While true a click does nothing. Not by `disabled`, which would take the keyboard away at once. */
  busy: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    const { current } = button;
    return () => {
      const row = current?.closest<HTMLElement>('[tabindex="-1"]');
      const rows = row?.parentElement?.children;
      if (!row || !rows || document.activeElement !== current) return;
      const place = [...rows].indexOf(row);
      // What goes is still there while it is told so.
      queueMicrotask(() => {
        // The row may have gone elsewhere, and the keyboard with it.
        if (document.activeElement !== document.body) return;
        const there = row.isConnected ? row : rows.item(Math.min(place, rows.length - 1));
        if (there instanceof HTMLElement) there.focus();
      });
    };
  }, []);
  return (
    <button
      ref={button}
      type="button"
      className={className}
      aria-label={label}
      aria-disabled={busy}
      onClick={() => {
        if (!busy) onClick();
      }}
    >
      {children}
    </button>
  );
}
