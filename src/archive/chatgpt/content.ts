import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { emptyObject } from '../values/overlay.ts';

/** The type of a message's content; hand-made exports leave it out. */
export function contentTypeOf(content: unknown): string {
  if (typeof content === 'string') return 'text';
  const object = asObject(content);
  return asText(object.content_type) ?? ('parts' in object || 'text' in object ? 'text' : 'unknown');
}

/** All that a message says in any form, with the citation markers still in it; `` when it says nothing. */
export function contentText(contentType: string, content: unknown, metadata: JsonObject): string {
  if (typeof content === 'string') return content;
  const object = asObject(content);
  const body = textOf.get(contentType)?.(object, metadata) ?? genericText(object);
  const report = metadata.chatgpt_sdk === undefined ? '' : reportText(metadata);
  return joinLines([body, report === body ? '' : report]);
}

/** The same in the pieces in which it stands there: each part, and of each thought its summary and its text. */
export function contentPieces(content: unknown): string[] {
  const { parts, thoughts } = asObject(content);
  const pieces = Array.isArray(thoughts)
    ? thoughts.flatMap((thought) =>
        isObject(thought) ? [thought.summary, thoughtText({ ...thought, summary: '' })] : [thought],
      )
    : Array.isArray(parts)
      ? parts.map(partText)
      : [contentText(contentTypeOf(content), content, emptyObject())];
  return pieces.flatMap((piece) => asText(piece)?.trim() || []);
}

const textOf = new Map<string, (content: JsonObject, metadata: JsonObject) => string>([
  ['text', (content, metadata) => partsText(content) || instructionsText(metadata)],
  ['code', (content) => asText(content.text) ?? genericText(content)],
  ['execution_output', (content, metadata) => asText(content.text) ?? runText(metadata)],
  ['tether_quote', titled],
  ['sonic_webpage', titled],
  ['tether_browsing_display', (content) => asText(content.result) ?? asText(content.summary) ?? ''],
  ['thoughts', (content) => asArray(content.thoughts).map(thoughtText).filter(Boolean).join('\n\n')],
  ['user_editable_context', contextText],
  ['model_editable_context', (content) => asText(content.model_set_context) ?? genericText(content)],
  ['system_error', (content) => [content.name, content.text].map(asText).filter(Boolean).join(': ')],
  ['computer_output', computerText],
]);

function contextText(content: JsonObject, metadata: JsonObject): string {
  return joinLines([content.user_profile, content.user_instructions]) || instructionsText(metadata);
}

function computerText(content: JsonObject): string {
  const state = asObject(content.state);
  return joinLines([state.title, state.url]);
}

function titled(content: JsonObject): string {
  return joinLines([content.title, asText(content.text) ?? content.snippet]);
}

/** What an unknown type says, wherever the known types keep it. */
function genericText(content: JsonObject): string {
  return (
    asText(content.text) ??
    asText(content.result) ??
    asText(content.output_str) ??
    asText(content.content) ??
    (partsText(content) || (asText(content.summary) ?? ''))
  );
}

/** Strings and the words of objects; a voice turn's only words are in its transcription. */
function partsText(content: JsonObject): string {
  const parts = content.parts;
  if (typeof parts === 'string') return parts;
  if (!Array.isArray(parts)) return asText(content.text) ?? '';
  // Nearly every message is one string.
  if (parts.length === 1 && typeof parts[0] === 'string') return parts[0];
  return joinLines(parts.map(partText));
}

function partText(part: unknown): unknown {
  if (!isObject(part)) return part;
  return asText(part.text) ?? asText(part.content) ?? asText(asObject(asObject(part.metadata).dalle).prompt);
}

function thoughtText(thought: unknown): string {
  if (typeof thought === 'string') return thought;
  const { summary, content, chunks } = asObject(thought);
  return joinLines([summary, asText(content) ?? joinLines(asArray(chunks))]);
}

/** Custom instructions, which in 2023 stood in the metadata alone. */
function instructionsText(metadata: JsonObject): string {
  const { about_user_message, about_model_message } = asObject(metadata.user_context_message_data);
  return joinLines([about_user_message, about_model_message]);
}

function runText(metadata: JsonObject): string {
  const { messages, final_expression_output } = asObject(metadata.aggregate_result);
  return joinLines([...asArray(messages).map((message) => asObject(message).text), final_expression_output]);
}

/** A Deep Research report, which newer exports keep as JSON text in the state of its widget. */
function reportText(metadata: JsonObject): string {
  const state = asText(asObject(metadata.chatgpt_sdk).widget_state);
  if (state === null) return '';
  try {
    const report = asObject(JSON.parse(state)).report_message;
    if (typeof report === 'string') return report;
    const { content, text } = asObject(report);
    return typeof content === 'string' ? content : partsText(asObject(content)) || (asText(text) ?? '');
  } catch {
    return '';
  }
}

function joinLines(values: readonly unknown[]): string {
  return values.filter((value) => typeof value === 'string' && value !== '').join('\n');
}
