import { Select } from '../parts/select.tsx';
import { texts } from '../texts/index.ts';
import type { Choice } from './choice.ts';

const words = texts.search;
const { providers, provider, model, modelHint } = texts.conversations;

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
      <Select
        label={provider}
        value={choice.provider}
        options={providers}
        onChange={(next) => onChange({ provider: next })}
      />
      <label className="field small">
        {model}
        <input
          className="input"
          placeholder={modelHint}
          defaultValue={choice.model}
          onBlur={(event) => onChange({ model: event.target.value.trim() })}
        />
      </label>
      <label className="field small">
        {words.from}
        <input
          className="input"
          type="date"
          value={choice.from}
          onChange={(event) => onChange({ from: event.target.value })}
        />
      </label>
      <label className="field small">
        {words.until}
        <input
          className="input"
          type="date"
          value={choice.until}
          onChange={(event) => onChange({ until: event.target.value })}
        />
      </label>
      <label className="row small">
        <input
          type="checkbox"
          checked={choice.once}
          onChange={(event) => onChange({ once: event.target.checked })}
        />
        {words.onePerConversation}
      </label>
      <label className="row small">
        <input
          type="checkbox"
          checked={choice.attachments}
          onChange={(event) => onChange({ attachments: event.target.checked })}
        />
        {words.attachments}
      </label>
    </div>
  );
}
