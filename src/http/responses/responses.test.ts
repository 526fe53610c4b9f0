import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp, type AppOptions } from '../app.ts';
import { KeyRing } from '../keys/key-ring.ts';
import { parseKeys } from '../keys/read-keys.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';

let context: FakeContext;
let app: FastifyInstance;
afterEach(() => app.close());

function serve(options: Parameters<typeof fakeContext>[0] = {}, appOptions: AppOptions = {}): void {
  context = fakeContext(options);
  app = createApp(context, { generation: context }, appOptions);
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown> & { id: string; output: { id: string }[]; error: Record<string, unknown> };
}

async function send(method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object, key?: string): Promise<Answer> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await app.inject({ method, url: `/v1/responses${url}`, headers, ...(payload && { payload }) });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
}

const ask = (body: object, key?: string): Promise<Answer> =>
  send('POST', '', { model: 'base', input: 'a', ...body }, key);

/** The text of the prompt that the engine got last. */
function lastPrompt(): string | undefined {
  const tokens = context.requests.at(-1)?.tokens;
  return tokens && String.fromCodePoint(...tokens);
}

interface Event {
  readonly name: string;
  readonly data: Record<string, unknown> & { response: Answer['body'] };
}

async function stream(body: object): Promise<readonly Event[]> {
  const payload = { model: 'base', input: 'a', stream: true, ...body };
  const answer = await app.inject({ method: 'POST', url: '/v1/responses', payload });
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  return [...answer.body.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)].map(([, name = '', data = '']) => ({
    name,
    data: JSON.parse(data) as Event['data'],
  }));
}

describe('a response', () => {
  it('is complete', async () => {
    serve();
    const { status, body } = await ask({ instructions: 'b', temperature: 0, metadata: { run: '7' }, user: 'u' });
    expect(lastPrompt()).toBe('system: b\nuser: a\nassistant: ');
    expect([status, context.requests[0]?.temperature]).toEqual([200, 0]);
    expect(body).toEqual({
      id: expect.stringMatching(/^resp_[0-9a-f]{32}$/) as string,
      object: 'response',
      created_at: expect.any(Number) as number,
      completed_at: expect.any(Number) as number,
      status: 'completed',
      background: false,
      error: null,
      incomplete_details: null,
      instructions: 'b',
      max_output_tokens: null,
      max_tool_calls: null,
      metadata: { run: '7' },
      model: 'base',
      output: [
        {
          id: expect.stringMatching(/^msg_/) as string,
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', annotations: [], text: 'hello' }],
        },
      ],
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: 'default',
      store: true,
      temperature: 0,
      text: { format: { type: 'text' }, verbosity: 'medium' },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: 'disabled',
      user: 'u',
      access_programs: null,
      usage: {
        input_tokens: 29,
        input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
        output_tokens: 6,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 35,
      },
    });
  });

  it('is incomplete where it was cut', async () => {
    serve();
    const { body } = await ask({ max_output_tokens: 2 });
    expect(body).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ status: 'incomplete', content: [{ text: 'he' }] }],
    });
  });

  it('names the adapter and the version that answered', async () => {
    serve({ adapters: ['strict'] });
    const { body, headers } = await ask({ model: 'strict' });
    expect(body['espalier']).toEqual({ adapter: 'strict', version: 'sha-strict' });
    expect(headers).toMatchObject({ 'x-espalier-adapter': 'strict', 'x-espalier-version': 'sha-strict' });
    const events = await stream({ model: 'strict' });
    expect(events[0]?.data.response['espalier']).toEqual(body['espalier']);
  });

  it('draws as it is told', async () => {
    serve();
    await ask({ top_p: 0.5, top_k: 3, seed: 7, stop: 'l', safety_identifier: 's', user: 'u' });
    expect(context.requests[0]).toMatchObject({ topP: 0.5, topK: 3, seed: 7, user: 's' });
  });
});

describe('a stream', () => {
  it('ends with what the same request gets as a whole', async () => {
    serve();
    const { body } = await ask({});
    const events = await stream({});
    expect(events[0]?.name).toBe('response.created');
    const last = events.at(-1);
    expect(last?.name).toBe('response.completed');
    const { id: _id, created_at: _created, completed_at: _completed, output, ...rest } = body;
    expect(last?.data.response).toMatchObject({ ...rest, output: output.map(({ id: _item, ...item }) => item) });
    expect((await send('GET', `/${last?.data.response.id}`)).body).toEqual(last?.data.response);
  });

  it('is refused with a status before the first byte', async () => {
    serve();
    const { status, body } = await ask({ model: 'other', stream: true });
    expect([status, body.error['code']]).toEqual([404, 'model_not_found']);
  });

  it('tells what fails later as an event, and does not keep it', async () => {
    serve({ failAfter: 2 });
    const last = (await stream({})).at(-1);
    expect(last?.name).toBe('response.failed');
    expect(last?.data.response).toMatchObject({
      status: 'failed',
      error: { code: 'server_error', type: 'disposed' },
      output: [{ status: 'incomplete', content: [{ text: 'he' }] }],
    });
    expect((await send('GET', `/${last?.data.response.id}`)).status).toBe(404);
  });
});

describe('a conversation', () => {
  it('goes on from a response, without its instructions', async () => {
    serve();
    const first = await ask({ instructions: 'b' });
    const second = await ask({ input: 'c', previous_response_id: first.body.id });
    expect(lastPrompt()).toBe('user: a\nassistant: hello\nuser: c\nassistant: ');
    expect(second.body['previous_response_id']).toBe(first.body.id);
    await ask({ input: [{ role: 'user', content: 'd' }], previous_response_id: first.body.id });
    expect(lastPrompt()).toBe('user: a\nassistant: hello\nuser: d\nassistant: ');
  });

  it('goes on from a stream, with another model', async () => {
    serve({ adapters: ['strict'] });
    const last = (await stream({})).at(-1);
    await ask({ model: 'strict', input: 'c', previous_response_id: last?.data.response.id });
    expect(lastPrompt()).toBe('user: a\nassistant: hello\nuser: c\nassistant: ');
  });

  it('refers to items of responses', async () => {
    serve();
    const { body } = await ask({});
    const input = [
      { role: 'user', content: 'a' },
      { type: 'item_reference', id: body.output[0]?.id },
      { role: 'user', content: 'b' },
    ];
    await ask({ input });
    expect(lastPrompt()).toBe('user: a\nassistant: hello\nuser: b\nassistant: ');
  });

  it('takes no item twice', async () => {
    serve();
    const { body } = await ask({});
    const again = await ask({ input: body.output, previous_response_id: body.id });
    expect([again.status, again.body.error['param']]).toEqual([400, 'input.0.id']);
  });

  it.each<[what: string, body: object, status: number, told: object]>([
    [
      'an unknown response',
      { previous_response_id: 'resp_1' },
      400,
      { code: 'previous_response_not_found', param: 'previous_response_id', type: 'invalid_request_error' },
    ],
    [
      'an unknown item',
      { input: [{ type: 'item_reference', id: 'msg_1' }] },
      404,
      { code: 'response_item_not_found', param: 'input' },
    ],
  ])('is refused for %s', async (_, body, status, told) => {
    serve();
    const answer = await ask(body);
    expect([answer.status, answer.body.error]).toEqual([status, expect.objectContaining(told)]);
    expect(context.requests).toEqual([]);
  });
});

describe('responses that are kept', () => {
  it('can be read and dropped', async () => {
    serve();
    const { body } = await ask({});
    expect((await send('GET', `/${body.id}`)).body).toEqual(body);
    expect((await send('DELETE', `/${body.id}`)).body).toEqual({ id: body.id, object: 'response', deleted: true });
    for (const method of ['GET', 'DELETE'] as const) {
      const gone = await send(method, `/${body.id}`);
      expect([gone.status, gone.body.error['code']]).toEqual([404, 'response_not_found']);
    }
  });

  it('list the items of their requests in pages', async () => {
    serve();
    const input = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }));
    const { body } = await ask({ input });
    const list = async (query: string): Promise<object> => {
      const { data, has_more: more } = (await send('GET', `/${body.id}/input_items${query}`)).body;
      return [(data as { content: { text: string }[] }[]).map(({ content }) => content[0]?.text), more];
    };
    expect(await list('')).toEqual([['c', 'b', 'a'], false]);
    expect(await list('?order=asc&limit=2')).toEqual([['a', 'b'], true]);
    const { body: page } = await send('GET', `/${body.id}/input_items?order=asc&limit=2`);
    expect(page['object']).toBe('list');
    expect(await list(`?order=asc&after=${String(page['last_id'])}`)).toEqual([['c'], false]);
    const wrong = await send('GET', `/${body.id}/input_items?limit=0`);
    expect([wrong.status, wrong.body.error['param']]).toEqual([400, 'limit']);
    const unknown = await send('GET', `/${body.id}/input_items?after=msg_1`);
    expect([unknown.status, unknown.body.error['param']]).toEqual([400, 'after']);
  });

  it('cannot be cancelled or streamed', async () => {
    serve();
    const { body } = await ask({});
    const cancelled = await send('POST', `/${body.id}/cancel`);
    expect([cancelled.status, cancelled.body.error['code']]).toEqual([400, 'response_not_cancellable']);
    const streamed = await send('GET', `/${body.id}?stream=true`);
    expect([streamed.status, streamed.body.error['param']]).toEqual([400, 'stream']);
    expect((await send('POST', '/resp_1/cancel')).status).toBe(404);
  });

  it('are none where the client or the server wants none', async () => {
    serve();
    const { body } = await ask({ store: false });
    expect([body['store'], (await send('GET', `/${body.id}`)).status]).toEqual([false, 404]);
    await app.close();
    serve({}, { responses: { count: 0 } });
    const other = (await ask({})).body;
    expect([other['store'], (await send('GET', `/${other.id}`)).status]).toEqual([false, 404]);
  });

  it('are found with their own key only', async () => {
    const keys = new KeyRing({ apiKey: 'for-all', adminKey: 'for-admin' });
    const list = '- {name: acme, key: key-of-acme, models: [base]}\n- {name: beta, key: key-of-beta, models: [base]}';
    keys.replace(parseKeys(list, 'keys.yaml'));
    serve({}, { keys });
    const { body } = await ask({}, 'key-of-acme');
    for (const key of ['key-of-beta', 'for-all', 'for-admin']) {
      for (const [method, url] of [
        ['GET', ''],
        ['DELETE', ''],
        ['GET', '/input_items'],
        ['POST', '/cancel'],
      ] as const) {
        expect([key, method, (await send(method, `/${body.id}${url}`, undefined, key)).status]).toEqual([
          key,
          method,
          404,
        ]);
      }
      const goesOn = await ask({ previous_response_id: body.id }, key);
      expect(goesOn.body.error['code']).toBe('previous_response_not_found');
      const refers = await ask({ input: [{ type: 'item_reference', id: body.output[0]?.id }] }, key);
      expect(refers.status).toBe(404);
    }
    expect((await send('GET', `/${body.id}`, undefined, 'key-of-acme')).status).toBe(200);
  });
});

const tool = { type: 'function', name: 'f', parameters: {} };

describe('what is not there is refused by name', () => {
  it.each<[body: object, param: string, problem: string]>([
    [{ background: true }, 'background', 'while the client waits'],
    [{ conversation: 'conv_1' }, 'conversation', 'previous_response_id'],
    [{ prompt: { id: 'p' } }, 'prompt', 'instructions and input'],
    [{ context_management: [{ type: 'compaction' }] }, 'context_management', 'no conversation is made shorter'],
    [{ moderation: { model: 'm' } }, 'moderation', 'check them yourself'],
    [{ truncation: 'last' }, 'truncation', 'disabled'],
    [{ include: ['file_search_call.results'] }, 'include.0', '"message.output_text.logprobs" or'],
    [{ tools: [{ type: 'web_search' }] }, 'tools.0.type', 'got "web_search"; no other tools are run here'],
    [{ tools: [tool, tool] }, 'tools.1.name', 'there is another tool "f"'],
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools.0.function', 'stand in the tool itself'],
    [{ tool_choice: 'required' }, 'tool_choice', 'there are no tools'],
    [{ tools: [tool], tool_choice: 'any' }, 'tool_choice', 'auto, none, required'],
    [{ tools: [tool], tool_choice: { type: 'function', name: 'g' } }, 'tool_choice.name', 'no tool has this name'],
    [{ tools: [tool], tool_choice: { type: 'mcp' } }, 'tool_choice.type', 'no other tools'],
    [
      { tools: [tool], tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'g' }] } },
      'tool_choice.tools.0.name',
      'no tool has this name',
    ],
    [{ reasoning: { summary: 'detailed' } }, 'reasoning.summary', 'thoughts are given whole'],
    [{ metadata: { a: 'x'.repeat(513) } }, 'metadata.a', 'at most 512 characters'],
    [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, ''])) }, 'metadata', 'at most 16 pairs'],
    [{ messages: [{ role: 'user', content: 'a' }] }, 'messages', 'send the conversation as input'],
    [{ max_tokens: 3 }, 'max_tokens', 'max_output_tokens'],
    [{ response_format: { type: 'json_object' } }, 'response_format', 'text.format'],
    [{ n: 2 }, 'n', 'one answer'],
    [{ logprobs: true }, 'logprobs', 'include'],
    [{ lora: 'x' }, 'lora', 'a list is expected'],
    [{ lora_name: 'x' }, 'lora_name', 'name the adapter as "model"'],
    [{ instruction: 'x' }, 'instruction', 'did you mean instructions?'],
    [{ input: undefined }, 'input', 'a text or a list of items is expected, got nothing'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
      'input.0.content.0.type',
      'images are not read',
    ],
    [{ input: [{ type: 'function_call_output', call_id: 'c', output: '' }] }, 'input.0.call_id', 'no item before it'],
    [{ max_output_tokens: 64 }, 'max_output_tokens', 'may be at most'],
    [{ stream_options: { include_obfuscation: true } }, 'stream_options.include_obfuscation', 'not padded'],
  ])('%j', async (body, param, problem) => {
    serve();
    const { status, body: answer } = await ask(body);
    expect([status, answer.error['param']]).toEqual([400, param]);
    expect(answer.error['message']).toContain(problem);
    expect(context.requests).toEqual([]);
  });
});

it('changes nothing for fields on which no answer depends', async () => {
  serve();
  const body = {
    text: { verbosity: 'low' },
    service_tier: 'auto',
    max_tool_calls: 3,
    background: false,
    truncation: 'disabled',
    reasoning: { effort: 'low', summary: 'auto' },
    prompt_cache_key: 'k',
    prompt_cache_retention: '24h',
    prompt_cache_options: { mode: 'implicit' },
    access_programs: { cyber: 'standard' },
    include: [],
    tools: [],
    tool_choice: 'auto',
    metadata: {},
    stream_options: { include_obfuscation: false },
    conversation: null,
    prompt: null,
  };
  const { status, body: answer } = await ask(body);
  expect([status, lastPrompt()]).toEqual([200, 'user: a\nassistant: ']);
  expect(answer).toMatchObject({ text: { verbosity: 'low' }, max_tool_calls: 3, reasoning: { effort: 'low' } });
});

it('has the form of the answer built, and refuses one that cannot be', async () => {
  serve();
  const format = { type: 'json_schema', name: 'x', schema: { not: {} }, strict: true };
  const { status, body } = await ask({ text: { format } });
  expect([status, body.error['code']]).toEqual([400, 'constraint_unsupported']);
  const endless = await ask({ text: { format: { type: 'json_object' } }, ignore_eos: true });
  expect(endless.body.error['param']).toBe('ignore_eos');
});
