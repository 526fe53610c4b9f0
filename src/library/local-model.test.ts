import { describe, expect, it } from 'vitest';
import type { ChatOptions } from './generate-options.ts';
import { policyVersion, scriptedModel, weatherCall, weatherTool } from './testing/scripted-model.ts';

const messages = [{ role: 'user', content: 'How warm is it in Bern?' }];
const asked: ChatOptions = { messages, tools: [weatherTool], maxTokens: Infinity };

describe('a chat in this process', () => {
  it('reads thoughts, words and calls of tools apart, as a server does', async () => {
    await using scripted = await opened(`<think>\nHm.\n</think>\n\nI look.\n${weatherCall}`);
    const answer = await scripted.model.chat(asked);
    expect(answer).toMatchObject({
      text: 'I look.',
      reasoning: 'Hm.',
      toolCalls: [{ index: 0, name: 'weather', arguments: '{"city": "Bern"}', id: expect.stringMatching(/^call_/) }],
      finishReason: 'tool_calls',
      answeredBy: [],
    });
    expect(answer.usage.completionTokens).toBe(answer.tokens.length);
    expect(answer.usage.reasoningTokens).toBeGreaterThan(0);
    expect(answer.usage.reasoningTokens).toBeLessThan(answer.usage.completionTokens);
  });

  it('streams the parts of the same answer, and says at its end who answered', async () => {
    await using scripted = await opened(`Hi ${weatherCall}`, `Hi ${weatherCall}`);
    const whole = await scripted.model.chat({ ...asked, adapter: 'policy' });
    let [text, args] = ['', ''];
    const ends: unknown[] = [];
    for await (const piece of scripted.model.stream({
      ...asked,
      adapter: `base:policy@${policyVersion.slice(0, 8)}`,
    })) {
      text += piece.text;
      for (const call of piece.toolCalls ?? []) args += call.arguments;
      if (piece.finishReason !== undefined) ends.push([piece.finishReason, piece.answeredBy, piece.usage]);
    }
    const by = [{ adapter: 'policy', version: policyVersion, scale: 1 }];
    expect([text, args]).toEqual([whole.text, whole.toolCalls?.[0]?.arguments]);
    expect(ends).toEqual([['tool_calls', by, whole.usage]]);
    expect(whole.answeredBy).toEqual(by);
  });

  it('leaves calls in the text where no tool is offered', async () => {
    await using scripted = await opened(weatherCall, weatherCall);
    const answer = await scripted.model.chat({ ...asked, toolChoice: 'none' });
    expect(answer).toMatchObject({ text: weatherCall, finishReason: 'stop' });
    expect(scripted.prompts[0]).not.toContain('weather');
    expect((await scripted.model.chat({ messages })).toolCalls).toBeUndefined();
  });

  it('gives one call only where one is wanted', async () => {
    await using scripted = await opened(`${weatherCall}\n${weatherCall}`, `${weatherCall}\n${weatherCall}`);
    expect((await scripted.model.chat(asked)).toolCalls).toHaveLength(2);
    expect((await scripted.model.chat({ ...asked, parallelToolCalls: false })).toolCalls).toHaveLength(1);
  });

  it('forces a call, and the form of an answer, by a processor', async () => {
    await using scripted = await opened('', '', '');
    await scripted.model.chat(asked);
    await scripted.model.chat({ ...asked, toolChoice: { name: 'weather' } });
    await scripted.model.chat({ messages, format: { schema: { type: 'object' } } });
    expect(scripted.requests.map(({ processors = [] }) => processors.length)).toEqual([0, 1, 1]);
  });

  it('gives the template what says how much to think', async () => {
    await using scripted = await opened('', '');
    await scripted.model.chat({ messages, reasoningEffort: 'none' });
    await scripted.model.chat({ messages });
    const [first, second] = scripted.prompts.map((prompt) => prompt.includes('<think>\n\n</think>'));
    expect([first, second]).toEqual([true, false]);
  });

  it('asks for as many tokens as were asked for, and none for none', async () => {
    await using scripted = await opened('', '', '');
    await scripted.model.chat({ messages });
    await scripted.model.chat({ messages, maxTokens: 0 });
    await scripted.model.chat(asked);
    expect(scripted.requests.map(({ maxTokens }) => maxTokens)).toEqual([128, 0, scripted.model.maxLength - 40]);
  });

  it.each<[string, object, object]>([
    ['a choice of no tool', { messages, toolChoice: 'required' }, { code: 'OPTION_INVALID' }],
    ['a choice that is none', { ...asked, toolChoice: 'any' }, { code: 'OPTION_INVALID' }],
    [
      'a least length of a forced call',
      { ...asked, toolChoice: 'required', minTokens: 3 },
      { code: 'GENERATION_OPTION_INVALID' },
    ],
    ['a schema that is none', { messages, format: { schema: { type: 'word' } } }, { code: 'CONSTRAINT_INVALID' }],
    ['an adapter that is not there', { messages, adapter: 'polici' }, { code: 'ADAPTER_NOT_FOUND' }],
    ['a version that is not there', { messages, adapter: 'policy@cdcdcdcd' }, { code: 'ADAPTER_VERSION_UNKNOWN' }],
  ])('refuses %s', async (_, options, error) => {
    await using scripted = await opened('hello');
    await expect(scripted.model.chat(options as ChatOptions)).rejects.toMatchObject(error);
    expect(scripted.requests).toEqual([]);
  });

  it('ends with the reason of its signal', async () => {
    await using scripted = await opened('endless', 'endless');
    const controller = new AbortController();
    const reason = new Error('enough');
    const read = async (): Promise<void> => {
      for await (const _ of scripted.model.stream({ messages, signal: controller.signal })) controller.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
    await expect(scripted.model.chat({ messages, signal: controller.signal })).rejects.toBe(reason);
  });
});

async function opened(...answers: readonly string[]) {
  const scripted = await scriptedModel(...answers);
  return { ...scripted, [Symbol.asyncDispose]: () => scripted.model.dispose() };
}
