import { readFileSync } from 'node:fs';
import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { templatedContext, type TemplatedContext } from '../testing/templated-context.ts';

const golden = new URL('../../../test/golden/templates/templates/', import.meta.url);
const templateOf = (name: string): string => readFileSync(new URL(`${name}.jinja`, golden), 'utf8');

const qwen = templateOf('qwen-3');
const call = '<tool_call>\n{"name": "weather", "arguments": {"place": "Bern"}}\n</tool_call>';
const tool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Tells the weather.',
    parameters: { type: 'object', properties: { place: { type: 'string' } } },
  },
};
const asked = { model: 'base', messages: [{ role: 'user', content: 'Rain?' }], tools: [tool] };

interface Refusal {
  readonly error?: { readonly param: string; readonly message: string };
}

interface Answer {
  readonly status: number;
  readonly body: OpenAI.ChatCompletion & Refusal;
  readonly context: TemplatedContext;
}

async function post(text: string, body: object, template = qwen): Promise<Answer> {
  const context = templatedContext(template, text);
  const app = createApp(context, { generation: context });
  const answer = await app.inject({ method: 'POST', url: '/v1/chat/completions', payload: body });
  return { status: answer.statusCode, body: answer.json(), context };
}

async function chunksOf(text: string, body: object): Promise<readonly OpenAI.ChatCompletionChunk[]> {
  const context = templatedContext(qwen, text);
  const app = createApp(context, { generation: context });
  const payload = { ...body, stream: true };
  const { body: events } = await app.inject({ method: 'POST', url: '/v1/chat/completions', payload });
  const data = events.split('\n\n').filter((event) => event.startsWith('data: {'));
  return data.map((event) => JSON.parse(event.slice('data: '.length)) as OpenAI.ChatCompletionChunk);
}

function toolCallsOf({ choices: [choice] }: Answer['body']): readonly { readonly id: string }[] {
  return choice?.message.tool_calls ?? [];
}

describe('an answer that calls a tool', () => {
  it('has the call apart from its words', async () => {
    const { body } = await post(`Let me see.\n${call}`, asked);
    expect(body.choices).toEqual([
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'Let me see.',
          refusal: null,
          tool_calls: [
            {
              id: expect.stringMatching(/^call_[A-Za-z0-9]{24}$/) as string,
              type: 'function',
              function: { name: 'weather', arguments: '{"place": "Bern"}' },
            },
          ],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
      },
    ]);
  });

  it('has no content where there are no words', async () => {
    const { body } = await post(call, asked);
    expect(body.choices[0]?.message.content).toBeNull();
  });

  it('is streamed as OpenAI streams it: the id and the name once, the arguments as they come', async () => {
    const chunks = await chunksOf(`Let me see.\n${call}\n${call}`, asked);
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    const calls = deltas.flatMap(({ tool_calls: parts = [] }) => parts);
    expect(deltas.map(({ content }) => content ?? '').join('')).toBe('Let me see.');
    for (const place of [0, 1]) {
      const own = calls.filter(({ index }) => index === place);
      expect(own.filter(({ id }) => id !== undefined)).toHaveLength(1);
      expect(own[0]).toMatchObject({ type: 'function', function: { name: 'weather' } });
      const texts = own.map((one) => one.function?.arguments);
      expect(texts.join('')).toBe('{"place": "Bern"}');
      expect(texts.length).toBeGreaterThan(5);
    }
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('ends behind its first call without parallel_tool_calls', async () => {
    const { body, context } = await post(`${call}\n${call}`, { ...asked, parallel_tool_calls: false });
    expect(body.choices[0]?.message.tool_calls).toHaveLength(1);
    expect(body.choices[0]?.finish_reason).toBe('tool_calls');
    expect(body.usage?.completion_tokens).toBe(call.length);
    expect(context.requests).toHaveLength(1);
  });

  it('that was cut off says so', async () => {
    const { body } = await post(call, { ...asked, max_tokens: 60 });
    expect(body.choices[0]).toMatchObject({
      finish_reason: 'length',
      message: { tool_calls: [{ function: { name: 'weather', arguments: '{"place": "Bern' } }] },
    });
  });

  it('is in the older form for functions', async () => {
    const { tools: _tools, ...rest } = asked;
    const older = { ...rest, functions: [tool.function], function_call: 'auto' };
    const { body } = await post(`${call}\n${call}`, older);
    expect(body.choices[0]).toMatchObject({
      finish_reason: 'function_call',
      message: { content: null, function_call: { name: 'weather', arguments: '{"place": "Bern"}' } },
    });
    const deltas = (await chunksOf(call, older)).map(({ choices }) => choices[0]?.delta.function_call);
    const told = deltas.filter((delta) => delta !== undefined);
    expect(told[0]).toMatchObject({ name: 'weather' });
    expect(told.map((delta) => delta?.arguments).join('')).toBe('{"place": "Bern"}');
  });

  it('has ids of nine letters and digits where the template takes no others', async () => {
    const written = '[TOOL_CALLS] [{"name": "weather", "arguments": {}}]';
    const { body } = await post(written, asked, templateOf('mistral-v3-tools'));
    expect(toolCallsOf(body)[0]?.id).toMatch(/^[A-Za-z0-9]{9}$/);
  });
});

describe('tool_choice', () => {
  it('none leaves the tools out', async () => {
    const { body, context } = await post(call, { ...asked, tool_choice: 'none' });
    expect(context.prompts[0]).not.toContain('weather');
    expect(body.choices[0]).toMatchObject({ message: { content: call }, finish_reason: 'stop' });
  });

  it('auto tells the model of the tools', async () => {
    const { body, context } = await post('No.', { ...asked, tool_choice: 'auto' });
    expect(context.prompts[0]).toContain('Tells the weather.');
    expect(body.choices[0]).toMatchObject({ message: { content: 'No.' }, finish_reason: 'stop' });
  });

  it.each<[string, object, string]>([
    ['a tool that is not there', { tool_choice: { type: 'function', function: { name: 'f' } } }, 'tool_choice'],
    ['a call of none', { tools: [], tool_choice: 'required' }, 'tool_choice'],
    ['functions beside tools', { functions: [tool.function] }, 'functions'],
    ['another word', { tool_choice: 'any' }, 'tool_choice'],
  ])('is refused: %s', async (_, fields, param) => {
    const { status, body } = await post(call, { ...asked, ...fields });
    expect([status, body.error?.param]).toEqual([400, param]);
  });

  it('has nothing to choose from where the template shows no form of calls', async () => {
    const { status, body } = await post(call, asked, templateOf('smollm-3'));
    expect([status, body.error?.param]).toEqual([400, 'tools']);
    expect(body.error?.message).toContain('--tool-parser');
  });
});

describe('thoughts', () => {
  const { tools: _tools, ...plain } = asked;
  const thinking = '<think>\nHm, Bern.\n</think>\n\nYes.';

  it('are apart from the content, and counted', async () => {
    const { body } = await post(thinking, plain);
    expect(body.choices[0]?.message).toMatchObject({
      content: 'Yes.',
      reasoning_content: 'Hm, Bern.',
      reasoning: 'Hm, Bern.',
    });
    expect(body.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThanOrEqual('Hm, Bern.'.length);
    expect(body.usage?.completion_tokens_details?.reasoning_tokens).toBeLessThan(thinking.length - 'Yes.'.length);
  });

  it('are streamed apart', async () => {
    const deltas = (await chunksOf(thinking, plain)).flatMap(({ choices }) => choices.map(({ delta }) => delta));
    const joined = (field: string): string =>
      deltas.map((delta) => String(Object.entries(delta).find(([name]) => name === field)?.[1] ?? '')).join('');
    expect([joined('reasoning_content'), joined('reasoning'), joined('content')]).toEqual([
      'Hm, Bern.',
      'Hm, Bern.',
      'Yes.',
    ]);
  });

  it.each<[string, object]>([
    ['include_reasoning', { include_reasoning: false }],
    ['reasoning.exclude', { reasoning: { exclude: true } }],
  ])('are not given where nobody wants them: %s', async (_, fields) => {
    const { body } = await post(thinking, { ...plain, ...fields });
    expect(body.choices[0]?.message).toEqual({ role: 'assistant', content: 'Yes.', refusal: null });
    expect(body.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
  });

  it('stay in the content where that is wished', async () => {
    const { body } = await post(thinking, { ...plain, separate_reasoning: false });
    expect(body.choices[0]?.message).toEqual({ role: 'assistant', content: thinking, refusal: null });
  });

  it('may be begun by the prompt', async () => {
    const { body } = await post('Hm.\n</think>\nYes.', plain, templateOf('deepseek-r1'));
    expect(body.choices[0]?.message).toMatchObject({ content: 'Yes.', reasoning_content: 'Hm.' });
  });

  it('are given back to the template by the name that it reads', async () => {
    const turns = [...plain.messages, { role: 'assistant', content: 'Yes.', reasoning: 'Hm.' }];
    const { context } = await post('', { ...plain, messages: turns });
    expect(context.prompts[0]).toContain('<think>\nHm.\n</think>\n\nYes.');
  });

  it.each<[object, string]>([
    [{ reasoning_effort: 'high' }, 'Reasoning: high'],
    [{ reasoning: { effort: 'low' } }, 'Reasoning: low'],
    [{ reasoning_effort: 'low', chat_template_kwargs: { reasoning_effort: 'own' } }, 'Reasoning: own'],
    [{}, 'Reasoning: medium'],
  ])('have the effort that is wished: %j', async (fields, written) => {
    const { context } = await post('x', { ...plain, ...fields }, templateOf('harmony'));
    expect(context.prompts[0]).toContain(written);
  });

  it('are left out for the effort none', async () => {
    const { context } = await post('Yes.', { ...plain, reasoning_effort: 'none' });
    expect(context.prompts[0]).toMatch(/<think>\n\n<\/think>\n\n$/);
  });
});

it('reads the channels of Harmony', async () => {
  const answer =
    '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"place":"Bern"}<|call|>';
  const { body } = await post(answer, asked, templateOf('harmony'));
  expect(body.choices[0]).toMatchObject({
    message: {
      content: null,
      reasoning_content: 'Hm.',
      tool_calls: [{ function: { name: 'weather', arguments: '{"place":"Bern"}' } }],
    },
    finish_reason: 'tool_calls',
  });
});

/** The characters with which an answer may begin. */
function beginnings(context: TemplatedContext): string {
  return nextAfter('', context);
}

/** The characters that may follow a part of an answer. */
function nextAfter(written: string, { requests }: TemplatedContext): string {
  const logits = new Float32Array(128);
  for (const processor of requests[0]?.processors ?? []) {
    for (const character of written) processor.note?.(character.codePointAt(0) ?? 0);
    processor.process(logits);
  }
  return String.fromCodePoint(...[...logits.keys()].filter((id) => logits[id] === 0)).trim();
}

const form = { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } };
const noThoughts = { chat_template_kwargs: { enable_thinking: false } };

describe('a strict tool that may be called', () => {
  const opened = 'See <b>:\n<tool_call>\n{"name": "weather", "arguments": {';
  const strict = { ...asked, ...noThoughts, tools: [{ ...tool, function: { ...tool.function, strict: true } }] };

  it('is called by its schema, beside free text', async () => {
    const { status, context } = await post(call, strict);
    expect(status).toBe(200);
    expect(beginnings(context).length).toBeGreaterThan(90);
    expect(nextAfter(opened, context)).toBe('"}');
  });

  it('is free in its calls where it is not strict', async () => {
    const { context } = await post(call, { ...strict, tools: [tool] });
    expect(nextAfter(opened, context).length).toBeGreaterThan(90);
  });
});

describe('tools and a form in one request', () => {
  it.each<[string, object, string]>([
    ['calls or has the form', { tool_choice: 'auto' }, '<{'],
    ['calls where it has to', { tool_choice: 'required' }, '<'],
    ['has the form where it may not call', { tool_choice: 'none' }, '{'],
  ])('the answer %s', async (_, fields, beginning) => {
    const { status, context } = await post(call, { ...asked, ...noThoughts, response_format: form, ...fields });
    expect([status, beginnings(context)]).toEqual([200, beginning]);
  });

  it('begins no thought where the template has ended it', async () => {
    const own = { ...asked, tools: undefined, guided_choice: ['yes', 'no'] };
    expect(beginnings((await post('yes', { ...own, ...noThoughts })).context)).toBe('ny');
    expect(beginnings((await post('yes', own)).context)).toBe('<ny');
  });

  const unkept = { type: 'object', properties: { a: { not: {} } } };
  const strictTool = { ...tool, function: { ...tool.function, strict: true, parameters: unkept } };

  it.each<[string, object]>([
    ['response_format', { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: unkept } } }],
    ['guided_regex', { guided_regex: '(?=x)', tools: undefined }],
    ['structured_outputs.regex', { structured_outputs: { regex: '(' }, tool_choice: 'none' }],
    ['tools', { tools: [strictTool], tool_choice: 'required' }],
    ['tools', { tools: [strictTool], response_format: form }],
  ])('an error names the field %s', async (param, fields) => {
    const { status, body, context } = await post(call, { ...asked, ...fields });
    expect([status, body.error?.param, context.requests]).toEqual([400, param, []]);
  });

  it('an unknown kind of form is told the known ones', async () => {
    const { body } = await post(call, { ...asked, response_format: { type: 'xml' } });
    expect(body.error?.message).toContain('"text" or "json_object" or "json_schema" is expected, got "xml"');
  });
});
