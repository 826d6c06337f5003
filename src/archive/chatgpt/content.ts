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
  const own = textOf.get(contentType)?.(object, metadata) ?? '';
  // Hand-made exports keep the text of a known type where another type has it.
  const body = isBlank(own) ? genericText(object) || own : own;
  const report = metadata.chatgpt_sdk === undefined ? '' : reportText(metadata);
  return joinLines([body, report === body ? '' : report]);
}

/**
 * The same in the pieces in which it stands there: each part, and of each thought its summary and its text; in one piece
 * where it says anything else, so that the pieces say no less than the text does.
 */
export function contentPieces(content: unknown): string[] {
  const object = asObject(content);
  const text = contentText(contentTypeOf(content), content, emptyObject());
  if (text === partsText(object))
    return trimmed(Array.isArray(object.parts) ? object.parts.map(partText) : [text]);
  return trimmed(text === thoughtsText(object) ? asArray(object.thoughts).flatMap(thoughtPieces) : [text]);
}

/** Whether all of a content's text is that of its parts: another part is then more text, and hides none. */
export const isSaidInParts = (content: JsonObject): boolean =>
  Array.isArray(content.parts) &&
  contentText(contentTypeOf(content), content, emptyObject()) === partsText(content);

const trimmed = (pieces: readonly unknown[]) => pieces.flatMap((piece) => asText(piece)?.trim() || []);
const isBlank = (text: string) => text.trim() === '';

/** Types with fields of their own; the others have their text where genericText looks. */
const textOf = new Map<string, (content: JsonObject, metadata: JsonObject) => string>([
  ['text', (content, metadata) => partsText(content) || instructionsText(metadata)],
  ['multimodal_text', partsText],
  ['execution_output', (content, metadata) => asText(content.text) ?? runText(metadata)],
  ['tether_quote', titled],
  ['sonic_webpage', titled],
  ['tether_browsing_display', (content) => asText(content.result) ?? asText(content.summary) ?? ''],
  ['thoughts', thoughtsText],
  ['user_editable_context', contextText],
  ['model_editable_context', (content) => asText(content.model_set_context) ?? ''],
  ['system_error', (content) => [content.name, genericText(content)].map(asText).filter(Boolean).join(': ')],
  ['computer_output', computerText],
  // What an editor or a terminal gave along.
  [
    'app_pairing_content',
    ({ workspaces, context_parts }) =>
      joinLines([...asArray(workspaces), ...asArray(context_parts)].map(partText)),
  ],
]);

function contextText(content: JsonObject, metadata: JsonObject): string {
  return joinLines([content.user_profile, content.user_instructions]) || instructionsText(metadata);
}

function computerText(content: JsonObject): string {
  const state = asObject(content.state);
  return joinLines([state.title, state.url]);
}

function titled(content: JsonObject): string {
  const said = asText(content.text) ?? asText(content.snippet) ?? genericText(content);
  return joinLines([content.title, said === content.title ? '' : said]);
}

/** The first field that says something, out of all in which the known types keep their text. */
function genericText(content: JsonObject): string {
  const { text, result, output_str, summary } = content;
  const texts = [text, result, output_str, content.content, partsText(content), summary].flatMap(
    (each) => asText(each) ?? [],
  );
  return texts.find((each) => !isBlank(each)) ?? texts[0] ?? '';
}

/** Strings and the words of objects; a voice turn's only words are in its transcription. */
function partsText({ parts }: JsonObject): string {
  if (typeof parts === 'string') return parts;
  if (!Array.isArray(parts)) return '';
  // Nearly every message is one string.
  if (parts.length === 1 && typeof parts[0] === 'string') return parts[0];
  return joinLines(parts.map(partText));
}

function partText(part: unknown): unknown {
  if (!isObject(part)) return part;
  return asText(part.text) ?? asText(part.content) ?? asText(asObject(asObject(part.metadata).dalle).prompt);
}

function thoughtsText({ thoughts }: JsonObject): string {
  return asArray(thoughts).map(thoughtText).filter(Boolean).join('\n\n');
}

function thoughtPieces(thought: unknown): unknown[] {
  return isObject(thought) ? [thought.summary, thoughtText({ ...thought, summary: '' })] : [thought];
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
    return contentText(contentTypeOf(content), content, emptyObject()) || (asText(text) ?? '');
  } catch {
    return '';
  }
}

function joinLines(values: readonly unknown[]): string {
  return values.filter((value) => typeof value === 'string' && value !== '').join('\n');
}
