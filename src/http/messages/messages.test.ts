import { afterEach, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import type { ServingContext } from '../../service/index.ts';

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

type Ask = (body: object, url?: string, headers?: Record<string, string>) => Promise<Answer>;

function askerOf(context: ServingContext): Ask {
  const app = createApp(context, { generation: context });
  close = () => app.close();
  return async (payload, url = '/v1/messages', headers = {}) => {
    const { statusCode: status, headers: told, body } = await app.inject({ method: 'POST', url, payload, headers });
    return { status, headers: told, body };
  };
}

const hello = { model: 'base', max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] };

const json = {
  type: 'json_schema',
  schema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'], additionalProperties: false },
};

describe('POST /v1/messages', () => {
  it.each<object>([{ output_config: { format: json, effort: 'low' } }, { output_format: json }])(
    'keeps the form that %j names',
    async (form) => {
      const context = fakeContext();
      expect((await askerOf(context)({ ...hello, ...form })).status).toBe(200);
      const logits = new Float32Array(128);
      for (const processor of context.requests[0]?.processors ?? []) processor.process(logits);
      const allowed = [...logits.keys()].filter((id) => logits[id] === 0);
      expect(String.fromCodePoint(...allowed)).toMatch(/^\s*\{$/);
    },
  );

  it('answers with a message, and says who answered', async () => {
    const context = fakeContext({ adapters: ['strict'], text: 'Good day.' });
    const { status, headers, body } = await askerOf(context)({ ...hello, model: 'strict', system: 'Be kind.' });
    expect([status, headers['x-espalier-version'], headers['request-id']]).toEqual([
      200,
      'sha-strict',
      headers['x-request-id'],
    ]);
    expect(JSON.parse(body)).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'strict',
      content: [{ type: 'text', text: 'Good day.' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: context.requests[0]?.tokens.length, output_tokens: 10 },
    });
    expect(String.fromCharCode(...(context.requests[0]?.tokens ?? []))).toBe('system: Be kind.\nuser: hi\nassistant: ');
  });

  it('samples as it is asked to, with the defaults of this API', async () => {
    const context = fakeContext();
    const ask = askerOf(context);
    await ask(hello);
    await ask({ ...hello, temperature: 0.5, top_p: 0.9, top_k: 3, metadata: { user_id: 'ann' } });
    expect(context.requests).toMatchObject([
      { temperature: 1, topK: 0, topP: 1, maxTokens: 20 },
      { temperature: 0.5, topK: 3, topP: 0.9, user: 'ann' },
    ]);
  });

  it('ends at a stop sequence and says at which', async () => {
    const { body } = await askerOf(fakeContext({ text: 'one two three' }))({ ...hello, stop_sequences: ['x', ' th'] });
    expect(JSON.parse(body)).toMatchObject({
      content: [{ text: 'one two' }],
      stop_reason: 'stop_sequence',
      stop_sequence: ' th',
    });
  });

  it('streams the same', async () => {
    const { headers, body } = await askerOf(fakeContext({ text: 'hi' }))({ ...hello, max_tokens: 2, stream: true });
    const events = [...body.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, name, data = '']) => {
      return [name, (JSON.parse(data) as { type: string }).type];
    });
    expect(headers['content-type']).toContain('text/event-stream');
    expect(events.map(([name]) => name)).toEqual(events.map(([, type]) => type));
    expect(events.map(([name]) => name)).toEqual([
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(body).toContain('"stop_reason":"max_tokens"');
    expect(body).not.toContain('[DONE]');
  });

  it('counts the tokens that it would run', async () => {
    const context = fakeContext();
    const ask = askerOf(context);
    const { max_tokens: _most, ...prompt } = hello;
    const { body } = await ask(prompt, '/v1/messages/count_tokens');
    await ask(hello);
    expect(JSON.parse(body)).toEqual({ input_tokens: context.requests[0]?.tokens.length });
  });
});

describe('errors', () => {
  const errorOf = async (answer: Promise<Answer>): Promise<object> => {
    const { status, headers, body } = await answer;
    const told = JSON.parse(body) as { type: string; error: { type: string }; request_id: string };
    expect([told.type, told.request_id]).toEqual(['error', headers['request-id']]);
    return { status, ...told.error };
  };

  it.each<[object, string]>([
    [{ max_tokens: undefined }, 'max_tokens: a number is expected, got nothing'],
    [{ max_tokens: -1 }, 'max_tokens: at least 0 is expected, got -1'],
    [{ temperature: 1.5 }, 'temperature: at most 1 is expected'],
    [{ messages: undefined }, 'messages: a list of at least one message is expected'],
    [{ messages: [{ role: 'user', content: [{ type: 'image' }] }] }, 'messages.0.content.0.type: images are not read'],
    [{ system: 3 }, 'system: a text or a list'],
    [{ tools: [{ name: 'x' }] }, 'tools.0.input_schema: a JSON schema'],
    [{ tool_choice: { type: 'tool' } }, 'tool_choice.name: the name of the tool is expected'],
    [{ thinking: { type: 'enabled' } }, 'thinking.budget_tokens: a whole number of at least 1024'],
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, 'thinking.budget_tokens: it must be less than max_tokens'],
    [{ stop: ['x'] }, 'stop: it is called "stop_sequences" here'],
    [{ max_token: 5 }, 'max_token: no such field is known (did you mean max_tokens?)'],
    [{ output_config: { format: { type: 'json_schema' } } }, 'output_config.format.schema: a JSON schema is expected'],
    [{ output_config: { format: { type: 'text' } } }, 'output_config.format.type: "json_schema" is expected'],
    [{ output_config: { format: json }, output_format: json }, 'output_format: "output_config.format" names the form'],
    [{ response_format: json }, 'response_format: send "output_config"'],
    [{ guided_regex: 'x' }, 'guided_regex: send "output_config"'],
    [{ tool_choice: { type: 'any' } }, 'tool_choice: a call is required, and no tools are there'],
    [
      { tools: [{ name: 'x', input_schema: { type: 'object' } }], tool_choice: { type: 'tool', name: 'y' } },
      'tool_choice.name: "y" is to be called, and the tools are x',
    ],
    [{ container: 'c' }, 'container: it runs no code'],
  ])('name what is wrong: %j', async (fields, message) => {
    const error = await errorOf(askerOf(fakeContext())({ ...hello, ...fields }));
    expect(error).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: expect.stringContaining(message),
    });
  });

  it('are those of the API: an unknown model, another key, a full queue, a failure', async () => {
    const ask = askerOf(fakeContext({ apiKey: 'secret' }));
    const own = { 'x-api-key': 'secret' };
    expect(await errorOf(ask({ ...hello, model: 'other' }, '/v1/messages', own))).toMatchObject({
      type: 'not_found_error',
    });
    expect(await errorOf(ask(hello))).toMatchObject({ status: 401, type: 'authentication_error' });
    await close?.();
    const context = fakeContext();
    const reserve = (): never => {
      throw new EspalierError('QUEUE_FULL', { waiting: 9, count: 1, limit: 9, retryAfterSeconds: 7 });
    };
    const full = askerOf({ ...context, engine: { ...context.engine, reserve } })(hello);
    expect(await errorOf(full)).toMatchObject({ status: 429, type: 'rate_limit_error' });
    expect((await full).headers['retry-after']).toBe('7');
    await close?.();
    const failing = askerOf(fakeContext({ failAfter: 1 }));
    expect(await errorOf(failing(hello))).toMatchObject({ status: 500, type: 'api_error' });
    const { body } = await failing({ ...hello, stream: true });
    expect(body).toMatch(/event: error\ndata: \{"type":"error","error":\{"type":"api_error"/);
  });
});
