import { SlidersHorizontal } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Select } from '../parts/select.tsx';
import { texts } from '../texts/index.ts';
import { type Choice, isNarrowed, readChoice } from './filters.ts';

const words = texts.conversations;
/** A pause in typing after which the list follows. */
const TYPING_MS = 250;

/** What narrows and sorts the list. */
export function FilterForm({ choice, onChange }: { choice: Choice; onChange: (choice: Choice) => void }) {
  const [title, setTitle] = useState(choice.title);
  useEffect(() => setTitle(choice.title), [choice.title]);
  useEffect(() => {
    if (title === choice.title) return;
    const timer = setTimeout(() => onChange({ ...choice, title }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [title, choice, onChange]);
  const change = (part: Partial<Choice>) => onChange({ ...choice, ...part });
  return (
    <search className="list-filter">
      <input
        className="input"
        type="search"
        aria-label={words.filter}
        placeholder={words.filter}
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <details>
        <summary className="small">
          <SlidersHorizontal size={14} aria-hidden="true" /> {words.filters}
        </summary>
        <div className="list-filters">
          <Select
            label={words.sort}
            value={choice.sort}
            options={words.sorts}
            onChange={(sort) => change({ sort: sort as Choice['sort'] })}
          />
          <Select
            label={words.provider}
            value={choice.provider}
            options={words.providers}
            onChange={(provider) => change({ provider })}
          />
          <Select
            label={words.archivedLabel}
            value={choice.archived}
            options={words.archivedOptions}
            onChange={(archived) => change({ archived })}
          />
          <label className="field small">
            {words.model}
            <input
              className="input"
              placeholder={words.modelHint}
              defaultValue={choice.model}
              onBlur={(event) => change({ model: event.target.value.trim() })}
            />
          </label>
          <label className="field small">
            {words.from}
            <input
              className="input"
              type="date"
              value={choice.from}
              onChange={(event) => change({ from: event.target.value })}
            />
          </label>
          <label className="field small">
            {words.until}
            <input
              className="input"
              type="date"
              value={choice.until}
              onChange={(event) => change({ until: event.target.value })}
            />
          </label>
          <label className="row small">
            <input
              type="checkbox"
              checked={choice.starred}
              onChange={(event) => change({ starred: event.target.checked })}
            />
            {words.starred}
          </label>
          <label className="row small">
            <input
              type="checkbox"
              checked={choice.attachments}
              onChange={(event) => change({ attachments: event.target.checked })}
            />
            {words.attachments}
          </label>
          {isNarrowed(choice) && (
            <button
              type="button"
              className="button compact"
              onClick={() => onChange(readChoice(new URLSearchParams()))}
            >
              {words.clear}
            </button>
          )}
        </div>
      </details>
    </search>
  );
}
