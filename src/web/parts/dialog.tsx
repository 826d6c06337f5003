import { type ReactNode, useEffect, useId, useRef } from 'react';

/** A modal dialog while it is rendered; Escape and a click beside it ask to close. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    const around = opener?.closest<HTMLElement>('[tabindex="-1"]');
    dialog.current?.showModal();
    // A dialog that is taken away leaves the keyboard nowhere, and what opened it may be gone as well.
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      else around?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={id}
      closedby="any"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClose={onClose}
    >
      <div className="stack">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
