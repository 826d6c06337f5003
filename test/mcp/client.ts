import { type CallToolResult, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { onTestFinished } from 'vitest';

export interface McpClient {
  sdk: Client;
  /** What a tool answers as data, once it is seen that its text says the same. Throws when it answers an error. */
  call<Result>(name: string, input?: Record<string, unknown>): Promise<Result>;
  /** The message of the error that a tool answers. Throws when it answers none. */
  failure(name: string, input?: Record<string, unknown>): Promise<string>;
}

/** The SDK's own client, closed at the end of the test. `headers` say who it is. */
export async function connect(
  serverUrl: string,
  headers: Record<string, string>,
  versions: 'auto' | 'legacy' = 'auto',
): Promise<McpClient> {
  const sdk = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: versions } });
  await sdk.connect(
    new StreamableHTTPClientTransport(new URL('/mcp', serverUrl), { requestInit: { headers } }),
  );
  onTestFinished(() => sdk.close());
  const ask = async (name: string, input: Record<string, unknown>) => {
    const answer: CallToolResult = await sdk.callTool({ name, arguments: input });
    const [content] = answer.content;
    if (content?.type !== 'text') throw new Error(`No text: ${JSON.stringify(answer)}`);
    return { ...answer, text: content.text };
  };
  return {
    sdk,
    async call<Result>(name: string, input: Record<string, unknown> = {}) {
      const { isError, structuredContent, text } = await ask(name, input);
      if (isError || JSON.stringify(structuredContent) !== text) throw new Error(text);
      return structuredContent as Result;
    },
    async failure(name, input = {}) {
      const { isError, text } = await ask(name, input);
      if (!isError) throw new Error(`No error: ${text}`);
      return text;
    },
  };
}

/** What `search` answers of a message. */
export interface Result {
  id: string;
  title: string;
  url: string;
  text: string;
  conversation_id: string;
}

export interface Results {
  results: Result[];
  total_count: number;
  next_cursor: string | null;
  did_you_mean: string | null;
}

export interface ReadPage {
  notice: string;
  conversation: { id: string; title: string; message_count: number };
  messages: { id: string; role: string; text: string; text_offset: number; text_length: number }[];
  next_cursor: string | null;
}

export interface ReadDocument {
  id: string;
  title: string;
  text: string;
  url: string;
  metadata: { conversation_id: string; next_cursor?: string };
}

export interface Recent {
  conversations: { id: string; title: string }[];
  next_cursor: string | null;
}
