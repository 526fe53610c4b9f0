import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { templatedContext } from '../testing/templated-context.ts';

const golden = new URL('../../../test/golden/templates/templates/', import.meta.url);
const qwen = readFileSync(new URL('qwen-3.jinja', golden), 'utf8');
const callOf = (name: string): string =>
  `<tool_call>\n{"name": "${name}", "arguments": {"place": "Bern"}}\n</tool_call>`;
const toolOf = (name: string): object => ({
  type: 'function',
  name,
  description: `Tells the ${name}.`,
  parameters: { type: 'object', properties: { place: { type: 'string' } } },
  strict: true,
});
const tools = [toolOf('weather'), toolOf('tide')];

interface Item {
  readonly type: string;
  readonly name: string;
  readonly arguments: string;
  readonly content: readonly { readonly text: string; readonly logprobs: readonly { readonly token: string }[] }[];
}

interface Body extends Readonly<Record<string, unknown>> {
  readonly output: readonly Item[];
  readonly error: { readonly param: string };
}

interface Answered {
  readonly status: number;
  readonly body: Body;
  /** The prompt that the template made. */
  readonly prompt: string | undefined;
}

async function ask(text: string, fields: object, template = qwen): Promise<Answered> {
  const context = templatedContext(template, text);
  const app = createApp(context, { generation: context });
  const payload = { model: 'base', input: 'Rain?', tools, ...fields };
  const answer = await app.inject({ method: 'POST', url: '/v1/responses', payload });
  await app.close();
  const isStream = 'stream' in fields;
  const last = isStream ? answer.body.trimEnd().split('\ndata: ').at(-1) : undefined;
  const body = last === undefined ? answer.json<Body>() : (JSON.parse(last) as { response: Body }).response;
  return { status: answer.statusCode, body, prompt: context.prompts[0] };
}

const shapeOf = ({ body }: Answered): unknown[] =>
  body.output.map(({ type, name, arguments: given, content = [] }) =>
    type === 'function_call' ? [name, given] : [type, content[0]?.text],
  );

describe('tools', () => {
  it.each([{}, { stream: true }])('are called in items of their own, in the order of the answer (%j)', async (how) => {
    const text = `<think>\nHm.\n</think>\n\nLet me see.\n${callOf('weather')}\n${callOf('tide')}`;
    const answered = await ask(text, how);
    expect(shapeOf(answered)).toEqual([
      ['reasoning', expect.stringContaining('Hm.')],
      ['message', 'Let me see.'],
      ['weather', '{"place": "Bern"}'],
      ['tide', '{"place": "Bern"}'],
    ]);
    expect(answered.body['status']).toBe('completed');
    const ids = { id: expect.stringMatching(/^fc_/) as string, call_id: expect.stringMatching(/^call_/) as string };
    expect(answered.body.output[2]).toMatchObject(ids);
  });

  it('are written by the template as those of chats, and given back as they came', async () => {
    const { body, prompt } = await ask('Yes.', {});
    expect(prompt).toContain('"function": {"name": "weather", "description": "Tells the weather.", "parameters": ');
    expect(body['tools']).toEqual(tools);
  });

  it('are strict for a required call where the request says so, and as far as forms can otherwise', async () => {
    const odd = { ...toolOf('weather'), parameters: { type: 'object', not: {} } };
    const { strict: _strict, ...loose } = odd as Record<string, unknown>;
    const refused = await ask('Yes.', { tools: [odd], tool_choice: 'required' });
    expect([refused.status, refused.body['error']]).toMatchObject([400, { message: expect.stringContaining('not') }]);
    const taken = await ask(callOf('weather'), { tools: [loose], tool_choice: 'required' });
    expect([taken.status, taken.body['tools']]).toEqual([200, [odd]]);
  });

  it('are left out where none may be called', async () => {
    const answered = await ask(callOf('weather'), { tool_choice: 'none' });
    expect(answered.prompt).not.toContain('weather');
    expect(shapeOf(answered)).toEqual([['message', callOf('weather')]]);
  });

  it('are those that are allowed alone', async () => {
    const allowed = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'tide' }] };
    const { body, prompt } = await ask('Yes.', { tool_choice: allowed });
    expect([prompt?.includes('"tide"'), prompt?.includes('"weather"')]).toEqual([true, false]);
    expect(body['tool_choice']).toEqual(allowed);
  });

  it('are called once without parallel_tool_calls', async () => {
    const answered = await ask(`${callOf('weather')}\n${callOf('tide')}`, { parallel_tool_calls: false });
    expect(shapeOf(answered)).toEqual([['weather', '{"place": "Bern"}']]);
  });

  it('are described in words where the template writes none, and called in the form that the words tell', async () => {
    const answered = await ask(callOf('weather'), {}, '{% for m in messages %}{{ m.content }}{% endfor %}');
    expect(answered.prompt).toMatch(/^You can call tools[\s\S]*"weather"/);
    expect(shapeOf(answered)).toEqual([['weather', '{"place": "Bern"}']]);
  });
});

it('passes the effort on to the template', async () => {
  const { prompt } = await ask('Yes.', { tools: [], reasoning: { effort: 'none' } });
  expect(prompt).toContain('<think>\n\n</think>');
});

it('gives log-probabilities for words alone', async () => {
  const text = `<think>\nHm.\n</think>\n\nYes.\n${callOf('tide')}`;
  for (const how of [{}, { stream: true }]) {
    const { body } = await ask(text, { ...how, include: ['message.output_text.logprobs'] });
    const message = body.output.find(({ type }) => type === 'message');
    const tokens = message?.content[0]?.logprobs.map(({ token }) => token).join('') ?? '';
    expect([how, tokens.includes('Hm'), tokens.includes('tide'), tokens.includes('Y')]).toEqual([
      how,
      false,
      false,
      true,
    ]);
  }
});
