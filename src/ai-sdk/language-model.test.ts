import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { describe, expect, it } from 'vitest';
import { policyVersion, scriptedModel, weatherCall, weatherTool } from '../library/testing/scripted-model.ts';
import { createEspalier } from './index.ts';

const prompt: LanguageModelV4CallOptions['prompt'] = [{ role: 'user', content: [{ type: 'text', text: 'How warm?' }] }];
const { name, description, parameters } = weatherTool.function;
const tools: [LanguageModelV4FunctionTool] = [{ type: 'function', name, description, inputSchema: parameters }];
const thinking = `<think>\nHm.\n</think>\n\nI look.\n${weatherCall}`;

async function partsOf(stream: ReadableStream<LanguageModelV4StreamPart>): Promise<LanguageModelV4StreamPart[]> {
  const parts: LanguageModelV4StreamPart[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

/** The parts of one kind, joined. */
const joined = (parts: readonly LanguageModelV4StreamPart[], type: string): string =>
  parts.map((part) => (part.type === type && 'delta' in part ? part.delta : '')).join('');

describe('a language model of the AI SDK', () => {
  it('gives thoughts, words and calls apart, with the tokens and the version', async () => {
    const { model } = await scriptedModel(thinking);
    const answer = await createEspalier(model)('policy').doGenerate({ prompt, tools });
    expect(answer.content).toEqual([
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'I look.' },
      { type: 'tool-call', toolCallId: expect.any(String), toolName: 'weather', input: '{"city": "Bern"}' },
    ]);
    expect(answer.finishReason).toEqual({ unified: 'tool-calls', raw: 'tool_calls' });
    const { inputTokens, outputTokens } = answer.usage;
    expect(inputTokens).toEqual({ total: 40, noCache: 40, cacheRead: 0, cacheWrite: undefined });
    expect((outputTokens.text ?? 0) + (outputTokens.reasoning ?? 0)).toBe(outputTokens.total);
    expect(outputTokens.reasoning).toBeGreaterThan(0);
    const answeredBy = [{ adapter: 'policy', version: policyVersion, scale: 1 }];
    expect(answer.providerMetadata).toEqual({ espalier: { answeredBy } });
  });

  it('streams the parts of the same answer, each block begun and ended once', async () => {
    const { model } = await scriptedModel(thinking, thinking);
    const espalier = createEspalier(model);
    const whole = await espalier('base').doGenerate({ prompt, tools });
    const parts = await partsOf((await espalier.languageModel('base').doStream({ prompt, tools })).stream);
    const kinds = parts.map(({ type }) => type).filter((type, at, all) => type !== all[at - 1]);
    expect(kinds).toEqual([
      'stream-start',
      'response-metadata',
      'reasoning-start',
      'reasoning-delta',
      'reasoning-end',
      'text-start',
      'text-delta',
      'text-end',
      'tool-input-start',
      'tool-input-delta',
      'tool-input-end',
      'tool-call',
      'finish',
    ]);
    expect([joined(parts, 'reasoning-delta'), joined(parts, 'text-delta')]).toEqual(['Hm.', 'I look.']);
    expect(parts.find(({ type }) => type === 'tool-call')).toMatchObject({ input: joined(parts, 'tool-input-delta') });
    expect(parts.at(-1)).toMatchObject({ finishReason: whole.finishReason, usage: whole.usage });
  });

  it('renders a history as OpenAI has it', async () => {
    const { model, prompts } = await scriptedModel('', '');
    const history: LanguageModelV4CallOptions['prompt'] = [
      { role: 'system', content: 'Be brief.' },
      ...prompt,
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Hm.' },
          { type: 'tool-call', toolCallId: 'c1', toolName: 'weather', input: { city: 'Bern' } },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 'c1', toolName: 'weather', output: { type: 'json', value: { warm: 20 } } },
        ],
      },
    ];
    await createEspalier(model)('base').doGenerate({ prompt: history });
    const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city": "Bern"}' } } as const;
    const thought = { reasoning_content: 'Hm.' };
    await model.chat({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'How warm?' },
        { role: 'assistant', content: null, tool_calls: [call], ...thought },
        { role: 'tool', content: '{"warm":20}', tool_call_id: 'c1' },
      ],
    });
    expect(prompts[0]).toBe(prompts[1]);
    expect(prompts[0]).toContain('Hm.');
  });

  it('warns of what has no effect, and of nothing else', async () => {
    const { model } = await scriptedModel('', '', '');
    const language = createEspalier(model)('base');
    const plain = { prompt, temperature: 0.5, topK: 3, seed: 1, headers: { 'user-agent': 'ai' } };
    expect((await language.doGenerate(plain)).warnings).toEqual([]);
    const search = { type: 'provider', id: 'other.search', name: 'search', args: {} } as const;
    const examples = { ...tools[0], inputExamples: [{ input: { city: 'Bern' } }] };
    const asked = { prompt, tools: [search, examples], includeRawChunks: true };
    expect((await language.doGenerate(asked)).warnings).toEqual([
      { type: 'unsupported', feature: 'tool other.search', details: expect.any(String) },
      { type: 'unsupported', feature: 'inputExamples of weather', details: expect.any(String) },
      { type: 'unsupported', feature: 'includeRawChunks', details: expect.any(String) },
    ]);
    const forced: LanguageModelV4CallOptions = { prompt, tools: [search], toolChoice: { type: 'required' } };
    expect((await language.doGenerate(forced)).warnings).toEqual([
      { type: 'unsupported', feature: 'tool other.search', details: expect.any(String) },
      { type: 'unsupported', feature: 'toolChoice required', details: expect.any(String) },
    ]);
  });

  it('takes further options under its name, and adds adapters up', async () => {
    const { model, requests } = await scriptedModel('');
    const espalier = { lora: [{ name: 'policy', scale: 0.5 }], minP: 0.1, typicalP: 0.9, parallelToolCalls: false };
    await createEspalier(model)('base').doGenerate({ prompt, providerOptions: { espalier } });
    expect(requests[0]).toMatchObject({ minP: 0.1, typicalP: 0.9, adapters: [{ scale: 0.5 }] });
  });

  it.each<[string, string, LanguageModelV4CallOptions, object]>([
    ['an unknown model', 'polici', { prompt }, { code: 'ADAPTER_NOT_FOUND' }],
    [
      'an unknown option of its own',
      'base',
      { prompt, providerOptions: { espalier: { minP: 0.1, loras: [] } } },
      { code: 'OPTION_UNKNOWN', message: expect.stringContaining('lora') },
    ],
    [
      'two answers to the question who answers',
      'policy',
      { prompt, providerOptions: { espalier: { lora: [{ name: 'other' }] } } },
      { code: 'OPTION_INVALID' },
    ],
    [
      'a file',
      'base',
      {
        prompt: [
          { role: 'user', content: [{ type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' } }] },
        ],
      },
      { code: 'OPTION_INVALID', message: expect.stringContaining('prompt[0].content[0]') },
    ],
  ])('refuses %s, before anything is streamed', async (_, id, call, error) => {
    const { model, requests } = await scriptedModel('hello');
    const language = createEspalier(model)(id);
    await expect(language.doGenerate(call)).rejects.toMatchObject(error);
    await expect(language.doStream(call)).rejects.toMatchObject(error);
    expect(requests).toEqual([]);
  });

  it('ends the generation when its reader goes away', async () => {
    const { model, requests } = await scriptedModel('endless');
    const { stream } = await createEspalier(model)('base').doStream({ prompt });
    for await (const { type } of stream) if (type === 'text-delta') break;
    expect(requests[0]?.signal?.aborted).toBe(true);
  });

  it('fails with the reason of the signal', async () => {
    const { model } = await scriptedModel('endless');
    const controller = new AbortController();
    const { stream } = await createEspalier(model)('base').doStream({ prompt, abortSignal: controller.signal });
    const reason = new Error('enough');
    const read = async (): Promise<void> => {
      for await (const _ of stream) controller.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
  });

  it('has no models of other kinds', async () => {
    const { model } = await scriptedModel();
    const refused = expect.objectContaining({ code: 'MODEL_KIND_NOT_PROVIDED' });
    expect(() => createEspalier(model).embeddingModel('base')).toThrow(refused);
    expect(() => createEspalier(model).imageModel('base')).toThrow(refused);
  });
});
