import type { MessageKind } from '../types.ts';

const hiddenTypes = new Set([
  'user_editable_context',
  'model_editable_context',
  'app_pairing_content',
  'system_message',
  'system_content',
  'developer_content',
]);
const reasoningTypes = new Set(['thoughts', 'reasoning_recap']);
const toolTypes = new Set([
  'code',
  'execution_output',
  'tether_quote',
  'tether_browsing_display',
  'tether_browsing_code',
  'sonic_webpage',
  'system_error',
  'computer_output',
  'computer_initialize_state',
  'citable_code_output',
]);

export interface KindFacts {
  role: string;
  contentType: string;
  /** Newer exports leave these out, which says nothing. */
  recipient: unknown;
  channel: unknown;
  visuallyHidden: boolean;
  /** A system message of the user's: custom instructions as they were in 2023. */
  writtenByUser: boolean;
  /** It has no text and no attachment. */
  empty: boolean;
}

export function kindOf(facts: KindFacts): MessageKind {
  if (facts.visuallyHidden || hiddenTypes.has(facts.contentType)) return 'HIDDEN';
  if ((facts.role === 'system' && !facts.writtenByUser) || facts.role === 'developer') return 'HIDDEN';
  if (reasoningTypes.has(facts.contentType) || facts.channel === 'analysis') return 'REASONING';
  if (facts.role === 'tool' || facts.role === 'function' || toolTypes.has(facts.contentType)) return 'TOOL';
  if (facts.role !== 'user' && typeof facts.recipient === 'string' && facts.recipient !== 'all')
    return 'TOOL';
  return facts.empty ? 'HIDDEN' : 'VISIBLE';
}
