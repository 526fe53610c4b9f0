import {
  AIMessage,
  HumanMessage,
  ToolMessage,
  type AIMessageChunk,
  type UsageMetadata,
} from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ChatEspalier, type ChatEspalierFields } from '../../src/langchain/index.ts';
import { scriptedModel, weatherCall } from '../../src/library/testing/scripted-model.ts';
import { type InProcess, learned, openInProcess, question } from './in-process.ts';

let opened: InProcess;
beforeAll(async () => void (opened = await openInProcess()));
afterAll(() => opened[Symbol.asyncDispose]());

const schema = z.object({ city: z.enum(['Bern', 'Chur']) });
const weather = tool(({ city }) => `${city}: 20`, { name: 'weather', description: 'Tells the weather.', schema });

/** WHY a function: the type of an answer depends on a structure of messages that a plain chat does not name. */
function usageOf(message: object | undefined): UsageMetadata | undefined {
  return (message as { usage_metadata?: UsageMetadata } | undefined)?.usage_metadata;
}

function modelOf(fields: Partial<ChatEspalierFields> = {}): ChatEspalier {
  return new ChatEspalier({ localModel: opened.model, model: 'strict', maxTokens: 12, maxRetries: 0, ...fields });
}

describe('LangChain, with a real model in this process', () => {
  it.each([
    ['its name', () => ({ model: 'strict' })],
    ['its name behind that of the base', () => ({ model: 'base:strict' })],
    ['its version', () => ({ model: `strict@${opened.version.slice(0, 12)}` })],
    ['an option', () => ({ model: 'base', lora: [{ name: 'strict', scale: 1 }] })],
  ])('asks an adapter by %s', async (_, how) => {
    const { text, response_metadata: told } = await modelOf(how()).invoke(question);
    expect(text).toBe(learned);
    expect(told).toMatchObject({ adapter: 'strict', version: opened.version, finish_reason: 'stop' });
  });

  it('asks the base, which has not learned it, and stops at the limit', async () => {
    const answer = await modelOf({ model: 'base' }).invoke(question);
    expect(answer.text).not.toContain('call the bank');
    expect(answer.response_metadata).toEqual({
      model_provider: 'espalier',
      model_name: 'base',
      finish_reason: 'length',
    });
    expect(usageOf(answer)?.output_tokens).toBe(12);
  });

  it('streams the same answer, and the tokens at its end, those that were kept among them', async () => {
    const asked = `${question} `.repeat(8);
    const whole = await modelOf().invoke(asked);
    let gathered: AIMessageChunk | undefined;
    for await (const chunk of await modelOf().stream(asked)) gathered = gathered ? gathered.concat(chunk) : chunk;
    expect(gathered?.text).toBe(whole.text);
    expect(gathered?.response_metadata).toEqual(whole.response_metadata);
    expect(usageOf(gathered)?.total_tokens).toBe(usageOf(whole)?.total_tokens);
    expect(usageOf(gathered)?.input_token_details?.cache_read).toBeGreaterThan(0);
  });

  it.each(['jsonSchema', 'functionCalling'])('gives an object of a schema by %s', async (method) => {
    const forming = modelOf({ maxTokens: 80 }).withStructuredOutput(schema, { method, name: 'weather' });
    expect(schema.safeParse(await forming.invoke(question)).success).toBe(true);
  });

  it('calls a tool where it must, with an input of its schema', async () => {
    const bound = modelOf({ maxTokens: 80, model: 'base' }).bindTools([weather], { tool_choice: 'any' });
    const answer = await bound.invoke(question);
    expect(answer.tool_calls).toMatchObject([
      { name: 'weather', args: { city: expect.stringMatching(/^(Bern|Chur)$/) } },
    ]);
    expect(answer.response_metadata['finish_reason']).toBe('tool_calls');
  });

  it('ends the generation when it goes away, and leaves its slot to the next', async () => {
    const controller = new AbortController();
    let chunks = 0;
    const read = async (): Promise<void> => {
      const endless = modelOf({ model: 'base', maxTokens: 400, minTokens: 400 });
      for await (const _ of await endless.stream(question, { signal: controller.signal })) {
        if (++chunks === 2) controller.abort();
      }
    };
    await expect(read()).rejects.toThrow(/abort/i);
    expect(chunks).toBeLessThan(20);
    expect((await modelOf().invoke(question)).text).toBe(learned);
  });

  it('tells of an unknown model', async () => {
    await expect(modelOf({ model: 'strikt' }).invoke(question)).rejects.toMatchObject({ code: 'ADAPTER_NOT_FOUND' });
  });
});

it('runs a tool and goes on with its result', async () => {
  const scripted = await scriptedModel(weatherCall, 'It is 20 degrees.');
  const bound = new ChatEspalier({ localModel: scripted.model, maxRetries: 0 }).bindTools([weather]);
  const asked = [new HumanMessage('How warm is it in Bern?')];
  const answer = await bound.invoke(asked);
  const results = await Promise.all(
    (answer.tool_calls ?? []).map((call) => weather.invoke(call) as Promise<ToolMessage>),
  );
  const { text } = await bound.invoke([...asked, answer as AIMessage, ...results]);
  expect(text).toBe('It is 20 degrees.');
  expect(scripted.prompts[1]).toContain('{"name": "weather", "arguments": {"city": "Bern"}}');
  expect(scripted.prompts[1]).toContain('Bern: 20');
});
