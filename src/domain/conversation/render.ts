import { factsOf, titleOf } from './heading.ts';
import { conversationJson, type WholeConversation } from './whole.ts';

export type ExportFormat = 'MARKDOWN' | 'JSON' | 'HTML';

interface Format {
  extension: string;
  mimeType: string;
  /** The text of a conversation, in pieces. */
  render(conversation: WholeConversation): AsyncIterable<string>;
}

/**
 * The forms in which a conversation leaves. JSON holds every message that it is given, with all facts; Markdown and HTML
 * are for reading, and leave out tools, thoughts and what the provider hides.
 */
export const exportFormats: Record<ExportFormat, Format> = {
  MARKDOWN: { extension: 'md', mimeType: 'text/markdown; charset=utf-8', render: renderMarkdown },
  JSON: { extension: 'json', mimeType: 'application/json', render: conversationJson },
  HTML: { extension: 'html', mimeType: 'text/html; charset=utf-8', render: renderHtml },
};

async function* renderMarkdown({ head, messages }: WholeConversation): AsyncGenerator<string> {
  yield `# ${oneLine(head.title)}\n\n`;
  for (const [name, value] of factsOf(head)) yield `- ${name}: ${oneLine(value)}\n`;
  for await (const message of messages) {
    if (message.kind !== 'VISIBLE') continue;
    yield `\n## ${titleOf(message)}\n\n${message.text.trimEnd()}\n`;
    for (const { name, externalId } of message.attachments) {
      yield `\n*Attachment: ${oneLine(name ?? externalId)}*\n`;
    }
  }
}

/** What parses Markdown and sanitises HTML is large, and seldom needed. */
async function* renderHtml(conversation: WholeConversation): AsyncGenerator<string> {
  const html = await import('./html.ts');
  yield* html.renderHtml(conversation);
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim();
