import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** What a model's server was asked. */
export interface AskedRequest {
  headers: IncomingHttpHeaders;
  body: { model: string; stream?: boolean; messages: { role: string; content: string }[] } & Record<
    string,
    unknown
  >;
  /** Whether whoever asked left before the answer was complete. */
  aborted: boolean;
}

/** What it does with a question. */
export type Script = (answer: ModelAnswer, request: AskedRequest) => void | Promise<void>;

export interface ModelAnswer {
  /** Sends pieces of the answer. */
  say(...pieces: string[]): void;
  /** Sends what is no text where a piece of the answer belongs. */
  sayOddly(content: unknown): void;
  /** Sends a piece of what the model thinks before it answers. */
  think(piece: string): void;
  /** Sends a chunk that has the usual fields but for these. */
  chunk(fields: object): void;
  /** Ends the answer as a model does. */
  finish(reason?: 'stop' | 'length' | 'content_filter'): void;
  /** Ends it without a reason. */
  end(): void;
  /** Cuts the connection, in the middle of a stream if it has begun. */
  drop(): void;
  /** Ends the response as if it were whole, in the middle of an answer. */
  hangUp(): void;
  /** Refuses, in place of an answer. */
  refuse(status: number, headers?: Record<string, string>): void;
}

export interface ModelServer {
  /** As CHAT_BASE_URL wants it. */
  url: string;
  /** Every question for an answer so far; those for suggestions are kept apart. */
  asked: AskedRequest[];
  askedForSuggestions: AskedRequest[];
  /** How often it was asked for its models. */
  checks: number;
  /** Does this with the next questions, one each; then again what it does usually, which is to say "Fine [1]." */
  next(...scripts: Script[]): void;
  /** The status with which it tells its models. */
  listStatus: number;
  close(): Promise<void>;
}

/** The secret that it wants to hear. */
export const modelKey = 'sk-test-3141592653589793';

const usual: Script = (answer) => {
  answer.say('Fine', ' [1].');
  answer.finish();
};

const suggesting: Script = (answer) => {
  answer.say('1. What came of it?\n- Who', ' else was there?\n');
  answer.finish();
};

/** A server on loopback that speaks OpenAI's chat completions as it is told to. */
export async function startModelServer(): Promise<ModelServer> {
  const scripts: Script[] = [];
  const model: Omit<ModelServer, 'url' | 'close' | 'next'> = {
    asked: [],
    askedForSuggestions: [],
    checks: 0,
    listStatus: 200,
  };
  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== `Bearer ${modelKey}`) {
      response.writeHead(401).end(JSON.stringify({ error: { message: `Incorrect API key ${modelKey}` } }));
      return;
    }
    if (request.url === '/v1/models') {
      model.checks += 1;
      response.writeHead(model.listStatus, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ object: 'list', data: [{ id: 'test-model', object: 'model' }] }));
      return;
    }
    const asked = { headers: request.headers, body: await json(request), aborted: false } as AskedRequest;
    response.on('close', () => {
      asked.aborted = !response.writableFinished;
    });
    const isSuggestion = asked.body.messages[0]?.content.includes('propose questions') ?? false;
    (isSuggestion ? model.askedForSuggestions : model.asked).push(asked);
    const script = isSuggestion ? suggesting : (scripts.shift() ?? usual);
    await script(answerOn(response), asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(model, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    next: (...more: Script[]) => {
      scripts.push(...more);
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  });
}

function answerOn(response: ServerResponse): ModelAnswer {
  const chunk = (fields: object) => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
    const usual = { id: 'answer', object: 'chat.completion.chunk', model: 'test-model', created: 1 };
    response.write(`data: ${JSON.stringify({ ...usual, ...fields })}\n\n`);
  };
  const send = (delta: object, reason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason: reason }] });
  return {
    say(...pieces) {
      for (const content of pieces) send({ content });
    },
    sayOddly: (content) => send({ content }),
    think: (piece) => send({ reasoning_content: piece }),
    chunk,
    finish(reason = 'stop') {
      send({}, reason);
      response.end('data: [DONE]\n\n');
    },
    end: () => response.end('data: [DONE]\n\n'),
    drop() {
      // What was said before must have left.
      if (response.headersSent) response.write('\n', () => response.destroy());
      else response.destroy();
    },
    hangUp: () => response.end(),
    refuse(status, headers = {}) {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify({ error: { message: `no, ${modelKey}`, type: 'test', code: 'test' } }));
    },
  };
}
