import { createOpenAI } from '@ai-sdk/openai';
import { generateText, isStepCount, streamText, tool, type LanguageModel, type ModelMessage } from 'ai';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { serveScript, weatherCall, type ServedScript } from './serve-script.ts';

/** What `openai('base')` is by default. */
function modelOf({ baseURL }: ServedScript, bodies: string[] = []): LanguageModel {
  const watched: typeof fetch = (url, init) => {
    if (typeof init?.body === 'string') bodies.push(init.body);
    return fetch(url, init);
  };
  return createOpenAI({ baseURL, apiKey: 'none', fetch: watched })('base');
}

const weather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, celsius: 20 }),
});
const options = {
  prompt: 'How warm is it in Bern?',
  tools: { weather },
  stopWhen: isStepCount(3),
  maxRetries: 0,
} as const;

it('calls a tool, and answers with its result', async () => {
  await using served = await serveScript(weatherCall, 'It is 20 degrees.');
  const { text, steps } = await generateText({ ...options, model: modelOf(served) });
  expect(text).toBe('It is 20 degrees.');
  expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'Bern' } }]);
  expect(steps[0]?.finishReason).toBe('tool-calls');
  expect(served.prompts[1]).toContain('"celsius":20');
});

it('does the same as a stream', async () => {
  await using served = await serveScript(`Let me see.\n${weatherCall}`, 'It is 20 degrees.');
  const result = streamText({ ...options, model: modelOf(served) });
  const kinds = new Set<string>();
  for await (const { type } of result.fullStream) kinds.add(type);
  expect(await result.text).toBe('It is 20 degrees.');
  for (const kind of ['text-delta', 'tool-input-delta', 'tool-call', 'tool-result', 'finish']) {
    expect([kind, kinds.has(kind)]).toEqual([kind, true]);
  }
});

it('refers to its earlier messages, which are kept', async () => {
  await using served = await serveScript('Hello.', 'Again.');
  const messages: ModelMessage[] = [{ role: 'user', content: 'Hi' }];
  const first = await generateText({ model: modelOf(served), messages, maxRetries: 0 });
  messages.push(...first.response.messages, { role: 'user', content: 'And?' });
  const bodies: string[] = [];
  const { text } = await generateText({ model: modelOf(served, bodies), messages, maxRetries: 0 });
  expect(bodies[0]).toContain('item_reference');
  expect(text).toBe('Again.');
  expect(served.prompts[1]).toContain('Hello.');
});

it('sends its earlier messages whole where none are kept', async () => {
  await using served = await serveScript('Hello.', 'Again.');
  const providerOptions = { openai: { store: false } };
  const messages: ModelMessage[] = [{ role: 'user', content: 'Hi' }];
  const first = await generateText({ model: modelOf(served), messages, providerOptions, maxRetries: 0 });
  messages.push(...first.response.messages, { role: 'user', content: 'And?' });
  const bodies: string[] = [];
  await generateText({ model: modelOf(served, bodies), messages, providerOptions, maxRetries: 0 });
  expect(bodies[0]).not.toContain('item_reference');
  expect(served.prompts[1]).toContain('Hello.');
});

it('leaves thoughts apart from the text, and does not read them', async () => {
  await using served = await serveScript('<think>\nHm.\n</think>\n\nYes.', '<think>\nHm.\n</think>\n\nYes.');
  const options = { model: modelOf(served), prompt: 'Hi', maxRetries: 0 };
  const { text, reasoningText } = await generateText(options);
  expect([text.trim(), reasoningText ?? '']).toEqual(['Yes.', '']);
  expect((await streamText(options).text).trim()).toBe('Yes.');
});
