import { SlidersHorizontal } from 'lucide-react';
import { useState } from 'react';
import { Check, DayFields, ModelField, ProviderField } from '../parts/filter-fields.tsx';
import { Select } from '../parts/select.tsx';
import { useTyped } from '../parts/use-typed.ts';
import { texts } from '../texts/index.ts';
import { type Choice, isNarrowed, readChoice } from './filters.ts';

const words = texts.conversations;

/** What narrows and sorts the list. */
export function FilterForm({ choice, onChange }: { choice: Choice; onChange: (choice: Choice) => void }) {
  // Filters that come with the address are not hidden; later one opens and folds them as one likes.
  const [comesNarrowed] = useState(() => isNarrowed({ ...choice, title: '' }));
  const change = (part: Partial<Choice>) => onChange({ ...choice, ...part });
  const [title, setTitle] = useTyped(choice.title, (typed) => change({ title: typed }));
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
      <details open={comesNarrowed}>
        <summary className="small">
          <SlidersHorizontal size={14} aria-hidden="true" /> {texts.filters.title}
        </summary>
        <div className="list-filters">
          <Select
            label={words.sort}
            value={choice.sort}
            options={words.sorts}
            onChange={(sort) => change({ sort: sort as Choice['sort'] })}
          />
          <ProviderField value={choice.provider} onChange={(provider) => change({ provider })} />
          <Select
            label={words.archivedLabel}
            value={choice.archived}
            options={words.archivedOptions}
            onChange={(archived) => change({ archived })}
          />
          <ModelField value={choice.model} onChange={(model) => change({ model })} />
          <DayFields from={choice.from} until={choice.until} onChange={change} />
          <Check label={words.starred} checked={choice.starred} onChange={(starred) => change({ starred })} />
          <Check
            label={texts.filters.attachments}
            checked={choice.attachments}
            onChange={(attachments) => change({ attachments })}
          />
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
