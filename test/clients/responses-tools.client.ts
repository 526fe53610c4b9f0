import OpenAI from 'openai';
import { expect, it } from 'vitest';
import { serveScript, weatherCall } from './serve-script.ts';

const tools: OpenAI.Responses.FunctionTool[] = [
  {
    type: 'function',
    name: 'weather',
    description: 'Tells the weather.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    strict: false,
  },
];
const asked = { model: 'base', input: 'How warm is it in Bern?', tools } as const;

function callOf(response: OpenAI.Responses.Response): OpenAI.Responses.ResponseFunctionToolCall {
  const call = response.output.find(({ type }) => type === 'function_call');
  if (call?.type !== 'function_call') throw new Error('No call');
  return call;
}

it('calls a function and goes on with its result', async () => {
  await using served = await serveScript(`Let me see.\n${weatherCall}`, 'It is 20 degrees.');
  const client = new OpenAI({ baseURL: served.baseURL, apiKey: 'none', maxRetries: 0 });
  const first = await client.responses.create(asked);
  expect(served.prompts[0]).toContain('"name": "weather"');
  expect(first.output_text).toBe('Let me see.');
  const { call_id, name, arguments: given } = callOf(first);
  expect([name, JSON.parse(given)]).toEqual(['weather', { city: 'Bern' }]);
  const second = await client.responses.create({
    ...asked,
    previous_response_id: first.id,
    input: [{ type: 'function_call_output', call_id, output: '{"celsius":20}' }],
  });
  expect(second.output_text).toBe('It is 20 degrees.');
  expect(served.prompts[1]).toContain('{"celsius":20}');
});

it('streams thoughts, words and calls, which the helper gathers', async () => {
  const answer = `<think>\nHm.\n</think>\n\nLet me see.\n${weatherCall}\n${weatherCall}`;
  await using served = await serveScript(answer, answer);
  const client = new OpenAI({ baseURL: served.baseURL, apiKey: 'none', maxRetries: 0 });
  const stream = client.responses.stream(asked);
  let given = '';
  for await (const event of stream) {
    if (event.type === 'response.function_call_arguments.delta' && event.output_index === 2) given += event.delta;
  }
  const response = await stream.finalResponse();
  expect(JSON.parse(given)).toEqual({ city: 'Bern' });
  const whole = await client.responses.create(asked);
  const told = ({ output }: { output: readonly { type: string }[] }): unknown[] => {
    return JSON.parse(JSON.stringify(output), (key, value: unknown) => (/^(call_)?id$/.test(key) ? '' : value)) as [];
  };
  expect(response.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call', 'function_call']);
  expect(whole.output.map(({ type }) => type)).toEqual(response.output.map(({ type }) => type));
  expect(told(whole)[0]).toMatchObject({ summary: [], content: [{ type: 'reasoning_text' }] });
});
