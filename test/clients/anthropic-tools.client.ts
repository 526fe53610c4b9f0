import Anthropic from '@anthropic-ai/sdk';
import { afterEach, expect, it } from 'vitest';
import { serveScript, weatherCall, type ServedScript } from './serve-script.ts';

let served: ServedScript;
afterEach(() => served[Symbol.asyncDispose]());

const answer = 'It is 20 degrees.';
const thinking = '<think>\nI have to look.\n</think>\n\n';
const question: Anthropic.MessageParam = { role: 'user', content: 'How warm is it in Bern?' };
const asked = {
  model: 'base',
  max_tokens: 2000,
  tools: [
    {
      name: 'weather',
      description: 'Tells the weather.',
      input_schema: { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] },
    },
  ],
};

async function clientFor(...answers: readonly string[]): Promise<Anthropic> {
  served = await serveScript(...answers);
  return new Anthropic({
    baseURL: served.baseURL.replace(/\/v1$/, ''),
    apiKey: 'none',
    authToken: null,
    maxRetries: 0,
  });
}

const ways: [string, (client: Anthropic, messages: Anthropic.MessageParam[]) => Promise<Anthropic.Message>][] = [
  ['whole', (client, messages) => client.messages.create({ ...asked, messages })],
  ['streamed', (client, messages) => client.messages.stream({ ...asked, messages }).finalMessage()],
];

it.each(ways)('calls a tool, and goes on with its result: %s', async (_, ask) => {
  const client = await clientFor(thinking + weatherCall, answer);
  const first = await ask(client, [question]);
  expect(first.stop_reason).toBe('tool_use');
  expect(first.content).toMatchObject([
    { type: 'thinking', thinking: 'I have to look.' },
    { type: 'tool_use', name: 'weather', input: { city: 'Bern' } },
  ]);
  const call = first.content.find((block) => block.type === 'tool_use');
  const next = await ask(client, [
    question,
    { role: 'assistant', content: first.content },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: '{"celsius":20}' }] },
  ]);
  expect(next).toMatchObject({ content: [{ type: 'text', text: answer }], stop_reason: 'end_turn' });
  expect(served.prompts[1]).toContain('{"name": "weather", "arguments": {"city": "Bern"}}');
  expect(served.prompts[1]).toContain('<tool_response>\n{"celsius":20}\n</tool_response>');
});

it('runs tools by its own helper', async () => {
  const client = await clientFor(weatherCall, answer);
  const cities: unknown[] = [];
  const message = await client.beta.messages.toolRunner({
    ...asked,
    messages: [{ role: 'user', content: 'How warm is it in Bern?' }],
    tools: [
      {
        ...asked.tools[0],
        name: 'weather',
        input_schema: { type: 'object', properties: { city: { type: 'string' } } },
        parse: (input: unknown) => input,
        run: (input: unknown) => {
          cities.push(input);
          return '{"celsius":20}';
        },
      },
    ],
  });
  expect(cities).toEqual([{ city: 'Bern' }]);
  expect(message.content).toMatchObject([{ type: 'text', text: answer }]);
});
