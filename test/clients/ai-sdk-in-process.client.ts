import { createOpenAI } from '@ai-sdk/openai';
import { generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createEspalier, type EspalierProvider } from '../../src/ai-sdk/index.ts';
import { scriptedModel, weatherCall } from '../../src/library/testing/scripted-model.ts';
import { type InProcess, learned, openInProcess, question } from './in-process.ts';

let opened: InProcess;
let espalier: EspalierProvider;

beforeAll(async () => {
  opened = await openInProcess();
  espalier = createEspalier(opened.model);
});
afterAll(() => opened[Symbol.asyncDispose]());

const weather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.enum(['Bern', 'Chur']) }),
  execute: async ({ city }) => ({ city, celsius: 20 }),
});
const asked = { prompt: question, temperature: 0, maxOutputTokens: 12, maxRetries: 0 } as const;

describe('the AI SDK, with a real model in this process', () => {
  it.each([
    ['its name', () => ({ model: espalier('strict') })],
    ['its name behind that of the base', () => ({ model: espalier('base:strict') })],
    ['its version', () => ({ model: espalier(`strict@${opened.version.slice(0, 12)}`) })],
    [
      'an option',
      () => ({ model: espalier('base'), providerOptions: { espalier: { lora: [{ name: 'strict', scale: 1 }] } } }),
    ],
  ])('asks an adapter by %s', async (_, how) => {
    const { text, finishReason, finalStep } = await generateText({ ...asked, ...how() });
    expect([text, finishReason]).toEqual([learned, 'stop']);
    const answeredBy = [{ adapter: 'strict', version: opened.version, scale: 1 }];
    expect(finalStep.providerMetadata).toEqual({ espalier: { answeredBy } });
  });

  it('asks the base, which has not learned it, and stops at the limit', async () => {
    const { text, finishReason, usage } = await generateText({ ...asked, model: espalier('base') });
    expect(text).not.toContain('call the bank');
    expect([finishReason, usage.outputTokens]).toEqual(['length', 12]);
  });

  it('adds an adapter with the strength that was asked for', async () => {
    const providerOptions = { espalier: { lora: [{ name: 'strict', scale: 0 }] } };
    const { text } = await generateText({ ...asked, model: espalier('base'), providerOptions });
    expect(text).toBe((await generateText({ ...asked, model: espalier('base') })).text);
  });

  it('streams the same answer, and the tokens at its end, those that were kept among them', async () => {
    const prompt = `${question} `.repeat(8);
    const whole = await generateText({ ...asked, prompt, model: espalier('strict') });
    const streamed = streamText({ ...asked, prompt, model: espalier('strict') });
    let pieces = 0;
    for await (const _ of streamed.textStream) pieces++;
    expect(pieces).toBeGreaterThan(1);
    expect(await streamed.text).toBe(whole.text);
    expect(await streamed.finishReason).toBe(whole.finishReason);
    const usage = await streamed.usage;
    expect(usage.totalTokens).toBe(whole.usage.totalTokens);
    expect(usage.inputTokenDetails.cacheReadTokens).toBeGreaterThan(0);
  });

  it('writes an object of a schema, whole and in parts', async () => {
    const schema = z.object({ city: z.enum(['Bern', 'Chur']), warm: z.boolean() });
    const options = { ...asked, maxOutputTokens: 60, model: espalier('strict'), output: Output.object({ schema }) };
    const { output } = await generateText(options);
    expect(schema.safeParse(output).success).toBe(true);
    const streamed = streamText(options);
    let last: unknown;
    for await (const partial of streamed.partialOutputStream) last = partial;
    expect(last).toEqual(await streamed.output);
    expect(await streamed.output).toEqual(output);
  });

  it('calls a tool where it must, with an input of its schema', async () => {
    const providerOptions = { espalier: { parallelToolCalls: false } };
    const options = {
      ...asked,
      maxOutputTokens: 80,
      tools: { weather },
      toolChoice: 'required',
      providerOptions,
    } as const;
    const { toolCalls, toolResults, finishReason } = await generateText({ ...options, model: espalier('base') });
    expect(toolCalls).toMatchObject([{ toolName: 'weather', input: { city: expect.stringMatching(/^(Bern|Chur)$/) } }]);
    expect(toolResults).toMatchObject([{ output: { celsius: 20 } }]);
    expect(finishReason).toBe('tool-calls');
  });

  it('ends the generation when it goes away, and leaves its slot to the next', async () => {
    const controller = new AbortController();
    const options = { ...asked, maxOutputTokens: 400, providerOptions: { espalier: { minTokens: 400 } } };
    const streamed = streamText({ ...options, model: espalier('base'), abortSignal: controller.signal });
    let tokens = 0;
    for await (const part of streamed.fullStream) if (part.type === 'text-delta' && ++tokens === 2) controller.abort();
    expect(tokens).toBeLessThan(20);
    expect((await generateText({ ...asked, model: espalier('strict') })).text).toBe(learned);
  });

  it('tells of an unknown model, and of what has no effect', async () => {
    await expect(generateText({ ...asked, model: espalier('strikt') })).rejects.toMatchObject({
      code: 'ADAPTER_NOT_FOUND',
      message: expect.stringContaining('strict'),
    });
    const search = createOpenAI({ apiKey: 'none' }).tools.webSearch({});
    const { warnings } = await generateText({ ...asked, model: espalier('strict'), tools: { search } });
    expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'tool openai.web_search' }]);
    expect((await generateText({ ...asked, model: espalier('strict') })).warnings).toEqual([]);
  });
});

describe('the AI SDK, with a model that says what it is told', () => {
  it('runs a tool and goes on with its result', async () => {
    const scripted = await scriptedModel(`<think>\nHm.\n</think>\n\n${weatherCall}`, 'It is 20 degrees.');
    const { text, steps } = await generateText({
      model: createEspalier(scripted.model)('base'),
      prompt: 'How warm is it in Bern?',
      tools: { weather },
      stopWhen: stepCountIs(3),
      maxRetries: 0,
    });
    expect(text).toBe('It is 20 degrees.');
    expect(steps[0]).toMatchObject({ reasoningText: 'Hm.', finishReason: 'tool-calls' });
    expect(scripted.prompts[1]).toContain('{"name": "weather", "arguments": {"city": "Bern"}}');
    expect(scripted.prompts[1]).toContain('{"city":"Bern","celsius":20}');
  });

  it('streams thoughts apart', async () => {
    const scripted = await scriptedModel('<think>\nHm.\n</think>\n\nWarm.');
    const streamed = streamText({ model: createEspalier(scripted.model)('base'), prompt: 'How warm?', maxRetries: 0 });
    expect(await streamed.text).toBe('Warm.');
    const { reasoningText, usage } = await streamed.finalStep;
    expect(reasoningText).toBe('Hm.');
    expect(usage.outputTokenDetails.reasoningTokens).toBeGreaterThan(0);
  });
});
