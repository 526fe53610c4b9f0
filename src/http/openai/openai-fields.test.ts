import { describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { characterTokenizer, fakeContext, fakeEos, type FakeContext } from '../testing/fake-context.ts';

const completion = { model: 'base', prompt: 'a', max_tokens: 30 };
const chat = { model: 'base', messages: [{ role: 'user', content: 'hello' }], max_tokens: 30 };

async function post(context: FakeContext, body: object): Promise<{ status: number; json: Record<string, unknown> }> {
  const url = 'messages' in body ? '/v1/chat/completions' : '/v1/completions';
  const app = createApp(context, { generation: context });
  const answer = await app.inject({ method: 'POST', url, payload: body });
  return { status: answer.statusCode, json: answer.json() };
}

it('runs logits processors that the owner of the server has named, in the order of the request', async () => {
  const [strict, plain] = [() => undefined, () => undefined];
  const logitsProcessors = new Map([['strict', strict], ['plain', plain]]); // prettier-ignore
  const names = ['plain', 'strict'];
  for (const body of [completion, chat]) {
    const context = fakeContext();
    expect((await post({ ...context, logitsProcessors }, { ...body, logits_processors: names })).status).toBe(200);
    const functions = context.requests[0]?.logitsFunctions;
    expect(functions?.map(({ name, change }) => [name, change])).toEqual([['plain', plain], ['strict', strict]]); // prettier-ignore
    const wrong = await post({ ...context, logitsProcessors }, { ...body, logits_processors: ['plain', 'strikt'] });
    expect([wrong.status, wrong.json]).toMatchObject([
      400,
      {
        error: {
          param: 'logits_processors.1',
          message: expect.stringMatching(/"strikt"\. Did you mean strict\? The server has strict, plain\.$/),
        },
      },
    ]);
    const none = await post(context, { ...body, logits_processors: ['strict'] });
    expect([none.status, none.json]).toMatchObject([400, { error: { param: 'logits_processors.0' } }]);
    expect(context.requests).toHaveLength(1);
  }
});

const calling = { role: 'assistant', content: null, tool_calls: [{ function: { name: 'f', arguments: '{}' } }] };

describe('what a client asks of the drawing of tokens', () => {
  it('comes to the engine as it is', async () => {
    const context = fakeContext();
    const rules = { presence_penalty: 0.5, frequency_penalty: -1, repetition_penalty: 1.1, logit_bias: { 7: -100 } };
    const cuts = {
      top_k: 5,
      top_p: 0.9,
      min_p: 0.1,
      typical_p: 0.7,
      min_tokens: 2,
      stop_token_ids: [9],
      seed: -4,
      temperature: 0.3,
    };
    await post(context, { ...completion, ...rules, ...cuts });
    expect(context.requests[0]).toMatchObject({
      presencePenalty: 0.5,
      frequencyPenalty: -1,
      repetitionPenalty: 1.1,
      logitBias: new Map([[7, -100]]),
      topK: 5,
      topP: 0.9,
      minP: 0.1,
      typicalP: 0.7,
      minTokens: 2,
      stopTokenIds: new Set([fakeEos, 9]),
      seed: -4,
      temperature: 0.3,
    });
  });

  it.each([
    { body: { top_p: 0 }, request: { topK: 1 } },
    { body: { top_k: -1 }, request: { topK: 0 } },
    { body: { ignore_eos: true, stop_token_ids: [4] }, request: { stopTokenIds: new Set([4]) } },
    { body: { seed: 2 ** 63 }, request: { seed: 0 } },
    { body: { seed: 2 ** 52 + 3 }, request: { seed: 3 } },
    { body: { logprobs: 3 }, request: { logprobs: { top: 3, prompt: false } } },
    { body: { logprobs: 0, echo: true }, request: { logprobs: { top: 0, prompt: true } } },
  ])('%#: $body', async ({ body, request }) => {
    const context = fakeContext();
    expect((await post(context, { ...completion, ...body })).status).toBe(200);
    expect(context.requests[0]).toMatchObject(request);
  });

  it.each([
    { adapter_name: 'policy' },
    { lora_request: { lora_name: 'policy', lora_int_id: 1 } },
    { loras: [{ id: 0, scale: 1 }] },
  ])('never by the base where an adapter is asked for in another way: %j', async (fields) => {
    const context = fakeContext();
    for (const body of [completion, chat]) {
      const { status, json } = await post(context, { ...body, ...fields });
      expect([status, json]).toMatchObject([
        400,
        { error: { code: 'request_unsupported', param: Object.keys(fields)[0] } },
      ]);
    }
    expect(context.requests).toEqual([]);
    expect((await post(context, { ...completion, adapter_id: null })).status).toBe(200);
  });

  it.each([completion, chat])('with who asks: the address and the user that it names', async (body) => {
    const context = fakeContext();
    await post(context, { ...body, user: 'ann' });
    await post(context, body);
    const callers = context.requests.map(({ key, user }) => ({ key, user }));
    expect(callers).toEqual([
      { key: '127.0.0.1', user: 'ann' },
      { key: '127.0.0.1', user: undefined },
    ]);
  });

  it('has chat use the newer name of the limit where both are there', async () => {
    const context = fakeContext();
    await post(context, { ...chat, max_completion_tokens: 12 });
    expect(context.requests[0]?.maxTokens).toBe(12);
  });

  it('draws every time anew where there is no seed', async () => {
    const context = fakeContext();
    await post(context, { ...completion, n: 2 });
    expect(context.requests.map((request) => 'seed' in request)).toEqual([false, false]);
  });
});

describe('stop strings', () => {
  it('at the mark with which the chat template ends a turn, where no token is that mark', async () => {
    const tokenizer = { ...characterTokenizer, turnMark: '<|im_end|>' };
    const context = { ...fakeContext({ text: 'Yes.<|im_end|>\nNo.' }), tokenizer };
    const [asked, continued, ignoring] = await Promise.all(
      [chat, completion, { ...chat, ignore_eos: true }].map((body) => post(context, body)),
    );
    expect(asked?.json).toMatchObject({ choices: [{ message: { content: 'Yes.' }, finish_reason: 'stop' }] });
    expect(continued?.json).toMatchObject({ choices: [{ text: 'Yes.<|im_end|>\nNo.' }] });
    expect(ignoring?.json).toMatchObject({ choices: [{ message: { content: 'Yes.<|im_end|>\nNo.' } }] });
  });

  it('are looked for one and all', async () => {
    const { json } = await post(fakeContext({ text: 'one two three' }), { ...completion, stop: ['three', 'two', 'x'] });
    expect(json).toMatchObject({ choices: [{ text: 'one ', finish_reason: 'stop' }] });
  });

  it('do not end an answer before its least length', async () => {
    const body = { ...completion, stop: 'o', min_tokens: 7 };
    const { json } = await post(fakeContext({ text: 'one two three, or four' }), body);
    expect(json).toMatchObject({ choices: [{ text: 'one two three, ', finish_reason: 'stop' }] });
  });
});

describe('fields that clients send by habit', () => {
  const harmless = {
    user: 'someone',
    metadata: { run: '7' },
    store: false,
    service_tier: 'auto',
    parallel_tool_calls: true,
    safety_identifier: 'x',
    prompt_cache_key: 'y',
    prompt_cache_options: { ttl: 'in_memory' },
    prompt_cache_retention: '24h',
    cache_salt: 'z',
    provider: { order: ['x'] },
    mirostat: 0,
    typical_p: 1,
    n_predict: -1,
    include_reasoning: true,
    reasoning_effort: 'low',
    response_format: { type: 'text' },
    tools: [],
    tool_choice: 'none',
    modalities: ['text'],
    logit_bias: {},
    presence_penalty: 0,
    stop: null,
    n: null,
    seed: null,
    suffix: null,
    stream_options: null,
    best_of: 1,
    my_own_field: 1,
  };

  it.each([{ route: completion }, { route: chat }])('change nothing: %#', async ({ route }) => {
    const contexts = [fakeContext(), fakeContext()] as const;
    const [plain, habitual] = [await post(contexts[0], route), await post(contexts[1], { ...route, ...harmless })];
    expect(habitual.status).toBe(200);
    const { signal: _signal, ...request } = contexts[0].requests[0] ?? {};
    expect(contexts[1].requests[0]).toMatchObject(request);
    expect(habitual.json['choices']).toEqual(plain.json['choices']);
  });
});

describe('what cannot be honoured is refused with what to do', () => {
  it.each([
    [completion, { suffix: 'end' }, 'suffix'],
    [completion, { best_of: 3, n: 2 }, 'best_of'],
    [completion, { use_beam_search: true }, 'use_beam_search'],
    [completion, { prompt_logprobs: 1 }, 'prompt_logprobs'],
    [completion, { stop: ['a', ''] }, 'stop.1'],
    [completion, { prompt: [] }, 'prompt'],
    [completion, { prompt: Array.from({ length: 9 }, () => 'a'), n: 128 }, 'prompt'],
    [completion, { mirostat: 2 }, 'mirostat'],
    [completion, { max_new_tokens: 5 }, 'max_new_tokens'],
    [completion, { grammar: 'root ::= "a"' }, 'grammar'],
    [chat, { thinking: { type: 'disabled' } }, 'thinking'],
    [completion, { include_reasoning: false }, 'include_reasoning'],
    [completion, { tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
    [chat, { tool_choice: 'any' }, 'tool_choice'],
    [chat, { tools: [{ type: 'custom', custom: { name: 'f' } }] }, 'tools.0'],
    [chat, { instructions: 'Be brief.' }, 'instructions'],
    [chat, { moderation: { model: 'm' } }, 'moderation'],
    [completion, { max_token: 3 }, 'max_token'],
    [completion, { topP: 0.3 }, 'topP'],
    [chat, { tool_choice: 'required' }, 'tool_choice'],
    [chat, { response_format: { type: 'json_schema', json_schema: {} } }, 'response_format.json_schema.schema'],
    [chat, { response_format: { type: 'grammar', grammar: 'x' } }, 'response_format.type'],
    [chat, { response_format: { type: 'json_object' }, guided_regex: 'a' }, 'guided_regex'],
    [chat, { response_format: { type: 'json_object' }, min_tokens: 2 }, 'min_tokens'],
    [completion, { guided_choice: ['a'], ignore_eos: true }, 'ignore_eos'],
    [completion, { guided_json: '{' }, 'guided_json'],
    [completion, { guided_grammar: 'root ::= "a"' }, 'guided_grammar'],
    [completion, { structured_outputs: { grammar: 'root ::= "a"' } }, 'structured_outputs.grammar'],
    [completion, { grammar: 'root ::= "a"' }, 'grammar'],
    [chat, { modalities: ['text', 'audio'] }, 'modalities'],
    [chat, { store: true }, 'store'],
    [chat, { echo: true }, 'echo'],
    [chat, { logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    [chat, { top_logprobs: 2 }, 'top_logprobs'],
    [chat, { messages: [{ role: 'critic', content: 'x' }] }, 'messages.0.role'],
    [chat, { messages: [{ role: 'assistant', content: null }] }, 'messages.0.content'],
    [chat, { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages.0.content.0'],
    [chat, { messages: [{ role: 'assistant', content: '', tool_calls: [{}] }] }, 'messages.0.tool_calls.0.function'],
  ])('%#: %o %o', async (route, wrong, param) => {
    const context = fakeContext();
    const { status, json } = await post(context, { ...route, ...wrong });
    expect(status).toBe(400);
    expect(json).toMatchObject({ error: { type: 'invalid_request_error', param } });
    expect(context.requests).toEqual([]);
  });

  it.each([
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
    [{ messages: [calling] }, 'messages.0.tool_calls'],
  ])(
    'what the template leaves out, if the calls are to have a form that words do not tell: %#',
    async (fields, param) => {
      const { status, json } = await post({ ...fakeContext(), toolParser: 'granite' }, { ...chat, ...fields });
      expect(status).toBe(400);
      expect(json).toMatchObject({ error: { code: 'request_unsupported', param } });
    },
  );

  it('with the name that was meant', async () => {
    const { json } = await post(fakeContext(), { ...completion, presencePenalty: 1 });
    expect(json).toMatchObject({
      error: {
        code: 'request_unsupported',
        message: expect.stringContaining('did you mean presence_penalty?') as string,
      },
    });
  });
});

describe('what a client gives the chat template', () => {
  const seen = async (body: object): Promise<unknown> => {
    const context = fakeContext();
    const options: unknown[] = [];
    const tokenizer = new Proxy(characterTokenizer, {
      get: (target, name) =>
        name === 'encodeChatInSlices'
          ? async (_: unknown, rendering: unknown) => (options.push(rendering), [1])
          : Reflect.get(target, name),
    });
    const { status, json } = await post({ ...context, tokenizer }, { ...chat, ...body });
    return status === 200 ? options[0] : (json['error'] as { param: unknown }).param;
  };

  it.each([
    [{}, { documents: undefined, variables: undefined }],
    [{ chat_template_kwargs: { enable_thinking: false, a: [1] } }, { variables: { enable_thinking: false, a: [1] } }],
    [{ enable_thinking: true }, { variables: { enable_thinking: true } }],
    [{ documents: [{ text: 'x' }] }, { documents: [{ text: 'x' }] }],
  ])('%j comes to it as it is', async (body, expected) => {
    expect(await seen(body)).toMatchObject({ addGenerationPrompt: true, ...expected });
  });

  it('gets no documents where it writes none: they are refused', async () => {
    const tokenizer = { ...characterTokenizer, renderChat: () => 'hello' };
    const answer = await post({ ...fakeContext(), tokenizer }, { ...chat, documents: [{ text: 'x' }] });
    expect(answer).toMatchObject({ status: 400, json: { error: { code: 'request_unsupported', param: 'documents' } } });
  });

  it.each([
    [{ chat_template_kwargs: { messages: [] } }, 'chat_template_kwargs.messages'],
    [{ chat_template_kwargs: [1] }, 'chat_template_kwargs'],
    [{ chat_template_kwargs: { a: 'x'.repeat(5000) } }, 'chat_template_kwargs'],
    [{ enable_thinking: 'no' }, 'enable_thinking'],
    [{ documents: [1] }, 'documents.0'],
    [{ chat_template: 'x' }, 'chat_template'],
  ])('%j is refused', async (body, param) => {
    expect(await seen(body)).toBe(param);
  });
});
