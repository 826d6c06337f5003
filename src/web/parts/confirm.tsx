import { type ReactNode, useState } from 'react';
import { texts } from '../texts/index.ts';
import { Dialog } from './dialog.tsx';
import { FailureNotice } from './failure.tsx';

/** Asks before something that cannot be undone; stays open and says why when it fails. */
export function Confirm({
  title,
  action,
  onConfirm,
  onClose,
  disabled = false,
  children,
}: {
  title: string;
  /** What the button says that does it. */
  action: string;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
  disabled?: boolean;
  children: ReactNode;
}) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <FailureNotice error={error} />
      <div className="row spread">
        <button type="button" className="button" onClick={onClose}>
          {texts.shell.cancel}
        </button>
        <button
          type="button"
          className="button danger"
          disabled={busy || disabled}
          onClick={() => void confirm()}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
