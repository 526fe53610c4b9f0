import { AIMessage, HumanMessage, SystemMessage, ToolMessage, type AIMessageChunk } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { policyVersion, scriptedModel, weatherCall } from '../library/testing/scripted-model.ts';
import { ChatEspalier, type ChatEspalierFields } from './index.ts';

const thinking = `<think>\nHm.\n</think>\n\nI look.\n${weatherCall}`;
const question = [new HumanMessage('How warm?')];
const weather = tool(() => '20', {
  name: 'weather',
  description: 'Tells the weather.',
  schema: z.object({ city: z.string() }),
});

async function opened(answers: readonly string[], fields: Partial<ChatEspalierFields> = {}) {
  const scripted = await scriptedModel(...answers);
  return { ...scripted, chat: new ChatEspalier({ localModel: scripted.model, maxRetries: 0, ...fields }) };
}

describe('a chat model of LangChain', () => {
  it('gives thoughts, words and calls apart, with the tokens and the version', async () => {
    const { chat } = await opened([thinking], { model: 'policy' });
    const answer = await chat.bindTools([weather]).invoke(question);
    expect(answer.text).toBe('I look.');
    expect(answer.additional_kwargs).toEqual({ reasoning_content: 'Hm.' });
    expect(answer.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Bern' }, id: expect.any(String) }]);
    expect(answer.response_metadata).toEqual({
      model_provider: 'espalier',
      model_name: 'policy',
      finish_reason: 'tool_calls',
      adapter: 'policy',
      version: policyVersion,
    });
    expect(answer.usage_metadata).toEqual({
      input_tokens: 40,
      output_tokens: thinking.length + 1,
      total_tokens: 40 + thinking.length + 1,
      input_token_details: { cache_read: 0 },
      output_token_details: { reasoning: expect.any(Number) },
    });
  });

  it('streams the same answer', async () => {
    const { chat } = await opened([thinking, thinking]);
    const bound = chat.bindTools([weather]);
    const whole = await bound.invoke(question);
    let gathered: AIMessageChunk | undefined;
    let chunks = 0;
    for await (const chunk of await bound.stream(question)) {
      gathered = gathered ? gathered.concat(chunk) : chunk;
      chunks++;
    }
    expect(chunks).toBeGreaterThan(5);
    expect(gathered?.text).toBe(whole.text);
    expect(gathered?.additional_kwargs).toEqual(whole.additional_kwargs);
    expect(gathered?.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Bern' } }]);
    expect(gathered?.usage_metadata).toEqual(whole.usage_metadata);
    expect(gathered?.response_metadata).toEqual(whole.response_metadata);
  });

  it('renders a history as OpenAI has it', async () => {
    const { chat, model, prompts } = await opened(['', '']);
    await chat.invoke([
      new SystemMessage('Be brief.'),
      ...question,
      new AIMessage({
        content: [{ type: 'text', text: 'I look.' }],
        additional_kwargs: { reasoning_content: 'Hm.' },
        tool_calls: [{ id: 'c1', name: 'weather', args: { city: 'Bern' } }],
      }),
      new ToolMessage({ tool_call_id: 'c1', content: '20' }),
    ]);
    const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city": "Bern"}' } } as const;
    const thought = { reasoning_content: 'Hm.' };
    await model.chat({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'How warm?' },
        { role: 'assistant', content: 'I look.', tool_calls: [call], ...thought },
        { role: 'tool', content: '20', tool_call_id: 'c1' },
      ],
    });
    expect(prompts[0]).toBe(prompts[1]);
  });

  it('loses no call of a history that LangChain could not read', async () => {
    const { chat, prompts } = await opened(['', '']);
    const history = (args: string) => [
      ...question,
      new AIMessage({
        content: '',
        tool_calls: [{ id: 'c1', name: 'weather', args: { city: 'Bern' } }],
        invalid_tool_calls: [{ type: 'invalid_tool_call', id: 'c2', name: 'weather', args, error: 'of its checker' }],
      }),
      new ToolMessage({ tool_call_id: 'c2', content: '20' }),
    ];
    await chat.invoke(history('{"city": "Chur"}'));
    const [prompt = ''] = prompts;
    expect(prompt.indexOf('"Chur"')).toBeGreaterThan(prompt.indexOf('"Bern"'));
    await expect(chat.invoke(history('{"city": "Ch'))).rejects.toThrow('messages[1].invalid_tool_calls[0]');
    expect(prompts).toHaveLength(1);
  });

  it('takes options at its making and at each call, which has the last word', async () => {
    const { chat, requests } = await opened(['', ''], {
      temperature: 0.5,
      topK: 7,
      typicalP: 0.9,
      lora: [{ name: 'policy', scale: 2 }],
    });
    await chat.invoke(question, { temperature: 0.25, stop: ['x'] });
    expect(requests[0]).toMatchObject({ temperature: 0.25, topK: 7, typicalP: 0.9, adapters: [{ scale: 2 }] });
    expect(chat.invocationParams({ seed: 1 })).toMatchObject({ model: 'base', temperature: 0.5, seed: 1 });
  });

  it('keeps a form by a processor, and reads it', async () => {
    const { chat, requests } = await opened(['{"city": "Bern"}', weatherCall, '{"city": "Bern"}']);
    const schema = z.object({ city: z.string() });
    expect(await chat.withStructuredOutput(schema).invoke(question)).toEqual({ city: 'Bern' });
    const called = chat.withStructuredOutput(schema, { method: 'functionCalling', name: 'weather' });
    expect(await called.invoke(question)).toEqual({ city: 'Bern' });
    const both = await chat.withStructuredOutput(schema, { includeRaw: true }).invoke(question);
    expect(both.parsed).toEqual({ city: 'Bern' });
    expect(both.raw.text).toBe('{"city": "Bern"}');
    expect(requests.map(({ processors = [] }) => processors.length)).toEqual([1, 1, 1]);
    expect(() => chat.withStructuredOutput(schema, { method: 'other' })).toThrow('jsonSchema, functionCalling');
  });

  it.each<[string, Partial<ChatEspalierFields>, object]>([
    ['an unknown model', { model: 'polici' }, { code: 'ADAPTER_NOT_FOUND' }],
    ['a value out of its range', { seed: 'x' as never }, { code: 'OPTION_INVALID' }],
    ['two answers to the question who answers', { model: 'policy', lora: [{ name: 'x' }] }, { code: 'OPTION_INVALID' }],
  ])('refuses %s', async (_, fields, error) => {
    const { chat, requests } = await opened(['hello'], fields);
    await expect(chat.invoke(question)).rejects.toMatchObject(error);
    expect(requests).toEqual([]);
  });

  it('refuses what no model reads', async () => {
    const { chat } = await opened(['hello']);
    const image = new HumanMessage({ content: [{ type: 'image_url', image_url: 'data:image/png;base64,AA==' }] });
    await expect(chat.invoke([image])).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('ends the generation with its signal', async () => {
    const { chat, requests } = await opened(['endless']);
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of await chat.stream(question, { signal: controller.signal })) controller.abort();
    };
    await expect(read()).rejects.toThrow(/abort/i);
    expect(requests[0]?.signal?.aborted).toBe(true);
  });
});
