import { useState } from 'react';
import { texts } from '../texts/index.ts';
import { Select } from './select.tsx';

const words = texts.filters;

/** Which provider’s conversations; empty for all. */
export function ProviderField({ value, onChange }: { value: string; onChange: (provider: string) => void }) {
  return <Select label={words.provider} value={value} options={words.providers} onChange={onChange} />;
}

/** A model’s name, which counts once the field is left or Enter is pressed: a part of a name is no model. */
export function ModelField({ value, onChange }: { value: string; onChange: (model: string) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  const keep = () => {
    if (typed !== null) onChange(typed.trim());
    setTyped(null);
  };
  return (
    <label className="field small">
      {words.model}
      <input
        className="input"
        placeholder={words.modelHint}
        value={typed ?? value}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={keep}
        onKeyDown={(event) => event.key === 'Enter' && keep()}
      />
    </label>
  );
}

/** A day, such as 2024-05-31; empty for any. */
export function DayField({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (day: string) => void;
}) {
  return (
    <label className="field small">
      {label}
      <input className="input" type="date" value={value} onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}

/** The days from one to another. */
export function DayFields({
  from,
  until,
  onChange,
}: {
  from: string;
  until: string;
  onChange: (days: { from?: string; until?: string }) => void;
}) {
  return (
    <>
      <DayField label={words.from} value={from} onChange={(day) => onChange({ from: day })} />
      <DayField label={words.until} value={until} onChange={(day) => onChange({ until: day })} />
    </>
  );
}

/** What is wanted or not. */
export function Check({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="row small check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      {label}
    </label>
  );
}
