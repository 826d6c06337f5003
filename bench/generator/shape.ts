/** The parts of a ChatGPT export of 2024 to early 2026 that the generator writes, named as in the export. */
export interface ExportConversation {
  title: string;
  create_time: number;
  update_time: number;
  mapping: Record<string, ExportNode>;
  current_node: string;
  conversation_id: string;
  id: string;
  [field: string]: unknown;
}

export interface ExportNode {
  id: string;
  message: ExportMessage | null;
  parent: string | null;
  children: string[];
}

export interface ExportMessage {
  id: string;
  author: { role: 'system' | 'user' | 'assistant' | 'tool'; name: string | null; metadata: object };
  create_time: number | null;
  update_time: number | null;
  content: ExportContent;
  status: 'finished_successfully' | 'in_progress';
  end_turn: boolean | null;
  weight: number;
  metadata: Record<string, unknown>;
  recipient: string;
  channel: string | null;
}

export type ExportContent =
  | { content_type: 'text'; parts: string[] }
  | { content_type: 'multimodal_text'; parts: (string | ImagePart)[] }
  | { content_type: 'code'; language: string; response_format_name: null; text: string }
  | { content_type: 'execution_output'; text: string }
  | {
      content_type: 'tether_browsing_display';
      result: string;
      summary: string;
      assets: null;
      tether_id: null;
    }
  | { content_type: 'thoughts'; thoughts: Thought[]; source_analysis_msg_id: string }
  | { content_type: 'reasoning_recap'; content: string }
  | { content_type: 'user_editable_context'; user_profile: string; user_instructions: string };

export interface Thought {
  summary: string;
  content: string;
  chunks: string[];
  finished: boolean;
}

export interface ImagePart {
  content_type: 'image_asset_pointer';
  asset_pointer: string;
  size_bytes: number;
  width: number;
  height: number;
  fovea: null;
  metadata: null;
}

/** What a message says, for counting: every string that a reader or a search could be after. */
export function textOf(content: ExportContent): string {
  switch (content.content_type) {
    case 'text':
    case 'multimodal_text':
      return content.parts.filter((part) => typeof part === 'string').join('\n');
    case 'tether_browsing_display':
      return content.result;
    case 'thoughts':
      return content.thoughts.map((thought) => `${thought.summary}\n${thought.content}`).join('\n');
    case 'reasoning_recap':
      return content.content;
    case 'user_editable_context':
      return `${content.user_profile}\n${content.user_instructions}`;
    default:
      return content.text;
  }
}
