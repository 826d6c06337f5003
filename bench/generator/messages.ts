import type { Random } from './random.ts';
import type { ExportContent, ExportMessage } from './shape.ts';

type Role = ExportMessage['author']['role'];

interface Fields {
  role: Role;
  content: ExportContent;
  timeS: number | null;
  authorName?: string;
  recipient?: string;
  channel?: string;
  weight?: number;
  endTurn?: boolean;
  metadata?: Record<string, unknown>;
}

/** One message with every key that exports of 2024 and later give it, in their order. */
function message(random: Random, fields: Fields): ExportMessage {
  return {
    id: random.uuid(),
    author: { role: fields.role, name: fields.authorName ?? null, metadata: {} },
    create_time: fields.timeS,
    update_time: null,
    content: fields.content,
    status: 'finished_successfully',
    end_turn: fields.endTurn ?? null,
    weight: fields.weight ?? 1,
    metadata: fields.metadata ?? {},
    recipient: fields.recipient ?? 'all',
    channel: fields.channel ?? null,
  };
}

export function hiddenSystemMessage(random: Random): ExportMessage {
  return message(random, {
    role: 'system',
    content: { content_type: 'text', parts: [''] },
    timeS: null,
    weight: 0,
    endTurn: true,
    metadata: { is_visually_hidden_from_conversation: true },
  });
}

export function customInstructions(random: Random, about: string, wish: string): ExportMessage {
  return message(random, {
    role: 'user',
    content: { content_type: 'user_editable_context', user_profile: about, user_instructions: wish },
    timeS: null,
    metadata: {
      is_visually_hidden_from_conversation: true,
      is_user_system_message: true,
      user_context_message_data: { about_user_message: about, about_model_message: wish },
    },
  });
}

export interface Image {
  /** As in the pointer and in the name of the entry. */
  id: string;
  name: string;
  sizeBytes: number;
  widthPx: number;
  heightPx: number;
}

export function userMessage(random: Random, timeS: number, text: string, image?: Image): ExportMessage {
  const metadata: Record<string, unknown> = {
    selected_sources: [],
    selected_github_repos: [],
    serialization_metadata: { custom_symbol_offsets: [] },
    request_id: random.uuid(),
    message_source: null,
    turn_exchange_id: random.uuid(),
    timestamp_: 'absolute',
    message_type: null,
    gizmo_id: null,
    voice_mode_message: false,
    dictation: false,
    targeted_reply_label: null,
    system_hints: [],
    can_save: true,
    pad: 'A'.repeat(random.between(0, 300)),
  };
  if (image === undefined) {
    return message(random, {
      role: 'user',
      content: { content_type: 'text', parts: [text] },
      timeS,
      metadata,
    });
  }
  metadata.attachments = [
    {
      id: image.id,
      name: image.name,
      size: image.sizeBytes,
      mime_type: 'image/png',
      width: image.widthPx,
      height: image.heightPx,
    },
  ];
  const pointer = {
    content_type: 'image_asset_pointer' as const,
    asset_pointer: `file-service://${image.id}`,
    size_bytes: image.sizeBytes,
    width: image.widthPx,
    height: image.heightPx,
    fovea: null,
    metadata: null,
  };
  return message(random, {
    role: 'user',
    content: { content_type: 'multimodal_text', parts: [pointer, text] },
    timeS,
    metadata,
  });
}

function assistantMetadata(random: Random, model: string, parentId: string): Record<string, unknown> {
  return {
    citations: [],
    content_references: [],
    message_type: null,
    model_slug: model,
    requested_model_slug: model,
    resolved_model_slug: model,
    default_model_slug: model,
    parent_id: parentId,
    message_source: null,
    serialization_metadata: { custom_symbol_offsets: [] },
    search_queries: [],
    conversation_context_citation_metadata: null,
    request_id: random.uuid(),
    turn_exchange_id: random.uuid(),
    timestamp_: 'absolute',
  };
}

export interface AssistantFields {
  timeS: number;
  model: string;
  /** The user's message that is answered. */
  askedBy: string;
}

/** A final answer. `source` is what a web search found, cited at the end of the text. */
export function assistantMessage(
  random: Random,
  fields: AssistantFields,
  text: string,
  source?: { title: string; url: string },
): ExportMessage {
  const metadata: Record<string, unknown> = {
    ...assistantMetadata(random, fields.model, fields.askedBy),
    finish_details: { type: 'stop', stop_tokens: [200002] },
    is_complete: true,
    can_save: true,
    search_result_groups: [],
    safe_urls: [],
    image_results: [],
    reasoning_status: null,
    voice_mode_message: false,
    real_time_audio_has_video: false,
    async_task_type: null,
    async_task_id: null,
    pad: 'A'.repeat(random.between(0, 300)),
  };
  let cited = text;
  if (source !== undefined) {
    const marker = '\ue200cite\ue202turn0search0\ue201';
    cited = `${text} ${marker}`;
    metadata.content_references = [
      {
        matched_text: marker,
        start_idx: text.length + 1,
        end_idx: cited.length,
        alt: `([${source.title}](${source.url}))`,
        type: 'grouped_webpages',
        items: [
          {
            title: source.title,
            url: source.url,
            pub_date: null,
            snippet: source.title,
            attribution: 'example.org',
          },
        ],
      },
    ];
    metadata.safe_urls = [source.url];
  }
  return message(random, {
    role: 'assistant',
    content: { content_type: 'text', parts: [cited] },
    timeS: fields.timeS,
    endTurn: true,
    channel: 'final',
    metadata,
  });
}

/** The model calls a tool: `python` with code, `web.search` with a query. */
export function toolCall(random: Random, fields: AssistantFields, tool: string, code: string): ExportMessage {
  const language = tool === 'python' ? 'python' : 'json';
  return message(random, {
    role: 'assistant',
    content: { content_type: 'code', language, response_format_name: null, text: code },
    timeS: fields.timeS,
    endTurn: false,
    recipient: tool,
    channel: 'commentary',
    metadata: assistantMetadata(random, fields.model, fields.askedBy),
  });
}

export function toolResult(
  random: Random,
  fields: AssistantFields,
  tool: string,
  result: string,
): ExportMessage {
  const content: ExportContent =
    tool === 'python'
      ? { content_type: 'execution_output', text: result }
      : { content_type: 'tether_browsing_display', result, summary: '', assets: null, tether_id: null };
  return message(random, {
    role: 'tool',
    authorName: tool,
    content,
    timeS: fields.timeS,
    weight: 0,
    metadata: {
      ...assistantMetadata(random, fields.model, fields.askedBy),
      command: tool,
      status: 'finished',
    },
  });
}

/** What a reasoning model thought, and the line that its page shows instead. */
export function reasoning(
  random: Random,
  fields: AssistantFields,
  thought: { summary: string; content: string },
): ExportMessage[] {
  const common = { role: 'assistant' as const, timeS: fields.timeS, endTurn: false };
  const metadata = {
    ...assistantMetadata(random, fields.model, fields.askedBy),
    reasoning_status: 'is_reasoning',
  };
  const thoughts = message(random, {
    ...common,
    content: {
      content_type: 'thoughts',
      thoughts: [{ ...thought, chunks: [], finished: true }],
      source_analysis_msg_id: random.uuid(),
    },
    metadata,
  });
  const seconds = random.between(2, 90);
  const recap = message(random, {
    ...common,
    content: { content_type: 'reasoning_recap', content: `Thought for ${seconds} seconds` },
    metadata: { ...metadata, reasoning_status: 'reasoning_ended', finished_duration_sec: seconds },
  });
  return [thoughts, recap];
}
