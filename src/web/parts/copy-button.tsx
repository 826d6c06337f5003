import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { texts } from '../texts/index.ts';
import { copy } from './copy.ts';

const SHOWN_MS = 2_000;

/** Copies what `text` answers at the click, and says so for a moment. */
export function CopyButton({ text, label = texts.shell.copy }: { text: () => string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const Icon = copied ? Check : Copy;
  return (
    <button type="button" className="button quiet compact" onClick={() => void copy(text()).then(setCopied)}>
      <Icon size={14} aria-hidden="true" />
      <span aria-live="polite">{copied ? texts.shell.copied : label}</span>
    </button>
  );
}
