import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { AIMessageChunk } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, isStepCount, streamText, tool, type LanguageModel } from 'ai';
import OpenAI from 'openai';
import type { RunnableToolFunctionWithParse } from 'openai/lib/RunnableFunction';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApp } from '../../src/http/app.ts';
import { templatedContext, type TemplatedContext } from '../../src/http/testing/templated-context.ts';

/** A model that thinks and asks for the weather, and that answers from what it was told. */
const call =
  '<think>\nI have to look.\n</think>\n\n<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>';
const result = '{"celsius":20}';
const answer = 'It is 20 degrees.';

let context: TemplatedContext;
let baseURL: string;
let close: () => Promise<unknown>;

beforeAll(async () => {
  const qwen = new URL('../golden/templates/templates/qwen-3.jinja', import.meta.url);
  context = templatedContext(await readFile(qwen, 'utf8'), (prompt) => (prompt.includes(result) ? answer : call));
  const app = createApp(context, { generation: context });
  await app.listen({ host: '127.0.0.1', port: 0 });
  baseURL = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/v1`;
  close = () => app.close();
});
afterAll(() => close());

const question = 'How warm is it in Bern?';
const description = 'Tells the weather.';
const cityOf = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

describe('openai', () => {
  const client = (): OpenAI => new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
  const asked: string[] = [];
  const runnable: RunnableToolFunctionWithParse<{ city: string }> = {
    type: 'function',
    function: {
      name: 'weather',
      description,
      parameters: cityOf,
      parse: (text: string) => z.object({ city: z.string() }).parse(JSON.parse(text)),
      function: ({ city }) => {
        asked.push(city);
        return result;
      },
    },
  };
  const messages = [{ role: 'user' as const, content: question }];

  it('calls the functions of runTools, and goes on with their results', async () => {
    asked.length = 0;
    const runner = client().chat.completions.runTools({ model: 'base', messages, tools: [runnable] });
    expect(await runner.finalContent()).toBe(answer);
    expect(asked).toEqual(['Bern']);
    expect(context.prompts.at(-1)).toContain('{"name": "weather", "arguments": {"city": "Bern"}}');
  });

  it('does the same as a stream', async () => {
    asked.length = 0;
    const runner = client().chat.completions.runTools({ model: 'base', messages, tools: [runnable], stream: true });
    expect(await runner.finalContent()).toBe(answer);
    expect(asked).toEqual(['Bern']);
  });
});

const providers: [string, () => LanguageModel][] = [
  ['@ai-sdk/openai', () => createOpenAI({ baseURL, apiKey: 'none' }).chat('base')],
  ['@ai-sdk/openai-compatible', () => createOpenAICompatible({ name: 'espalier', baseURL })('base')],
];

describe.each(providers)('%s', (name, model) => {
  const options = () => ({
    model: model(),
    prompt: question,
    maxRetries: 0,
    stopWhen: isStepCount(3),
    tools: {
      weather: tool({
        description,
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => ({ celsius: city === 'Bern' ? 20 : 0 }),
      }),
    },
  });

  it('calls a tool and answers from its result', async () => {
    const { text, steps } = await generateText(options());
    expect(text).toBe(answer);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'Bern' } }]);
  });

  it('does the same as a stream', async () => {
    const streamed = streamText(options());
    expect(await streamed.text).toBe(answer);
    const [first] = await streamed.steps;
    expect(first?.toolResults).toMatchObject([{ toolName: 'weather', output: { celsius: 20 } }]);
    // OpenAI's own provider reads no thoughts of chats.
    expect(first?.reasoningText).toBe(name === '@ai-sdk/openai' ? undefined : 'I have to look.');
  });
});

describe('@langchain/openai', () => {
  const weather = langchainTool(async () => result, {
    name: 'weather',
    description,
    schema: z.object({ city: z.string() }),
  });
  const model = () =>
    new ChatOpenAI({ model: 'base', apiKey: 'none', maxRetries: 0, configuration: { baseURL } }).bindTools([weather]);

  it('gets the calls of bound tools', async () => {
    const message = await model().invoke(question);
    expect(message.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Bern' }, type: 'tool_call' }]);
  });

  it('gathers them from a stream', async () => {
    let gathered: AIMessageChunk | undefined;
    for await (const chunk of await model().stream(question)) gathered = gathered ? gathered.concat(chunk) : chunk;
    expect(gathered?.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Bern' } }]);
  });
});
