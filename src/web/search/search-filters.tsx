import { Check, DayFields, ModelField, ProviderField } from '../parts/filter-fields.tsx';
import { Select } from '../parts/select.tsx';
import { texts } from '../texts/index.ts';
import type { Choice } from './choice.ts';

const words = texts.search;

/** What narrows a search. */
export function SearchFilters({
  choice,
  onChange,
}: {
  choice: Choice;
  onChange: (part: Partial<Choice>) => void;
}) {
  return (
    <div className="search-filters">
      <Select
        label={words.role}
        value={choice.role}
        options={words.roles}
        onChange={(role) => onChange({ role })}
      />
      <ProviderField value={choice.provider} onChange={(provider) => onChange({ provider })} />
      <ModelField value={choice.model} onChange={(model) => onChange({ model })} />
      <DayFields from={choice.from} until={choice.until} onChange={onChange} />
      <Check label={words.onePerConversation} checked={choice.once} onChange={(once) => onChange({ once })} />
      <Check
        label={texts.filters.attachments}
        checked={choice.attachments}
        onChange={(attachments) => onChange({ attachments })}
      />
    </div>
  );
}
