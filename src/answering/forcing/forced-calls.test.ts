import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AnswerReader, type AnswerForm, findAnswerForm, type ToolParser } from '../../chat/index.ts';
import { Constraints } from '../../constrain/index.ts';
import { createTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import { behindThought } from './behind-thought.ts';
import { forcedCalls } from './forced-calls.ts';

const golden = new URL('../../../test/golden/templates/templates/', import.meta.url);
const qwen = readFileSync(new URL('qwen-3.jinja', golden), 'utf8');
const tokenizer: Tokenizer = createTokenizer(byteLevelFiles({ chatTemplate: qwen }));
const constraints = new Constraints();

const toolOf = (name: string, properties: object, required: readonly string[]) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties, required, additionalProperties: false } },
});
const tools = [
  toolOf('weather', { place: { type: 'string' }, days: { type: 'integer' } }, ['place']),
  toolOf('now', {}, []),
];
const weather = '{"place": "Bern", "days": 3}';

function callsOf(parser: ToolParser): NonNullable<AnswerForm['calls']> {
  const { calls } = findAnswerForm(tokenizer, parser);
  if (calls === undefined) throw new Error('No calls');
  return calls;
}

/** What each form takes for a call, and what it does not. */
const written: readonly (readonly [ToolParser, string, string])[] = [
  [
    'hermes',
    `<tool_call>\n{"name": "weather", "arguments": ${weather}}\n</tool_call>\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>`,
    '<tool_call>\n{"name": "weather", "arguments": {"days": 3}}\n</tool_call>',
  ],
  [
    'llama3',
    `{"name": "weather", "parameters": ${weather}}; {"name": "now", "parameters": {}}`,
    '{"name": "lock", "parameters": {}}',
  ],
  [
    'mistral',
    `[TOOL_CALLS] [{"name": "weather", "arguments": ${weather}}, {"name": "now", "arguments": {}}]`,
    `[TOOL_CALLS] [{"name": "weather", "arguments": ${weather}}`,
  ],
  ['mistral-named', `[TOOL_CALLS]weather[ARGS]${weather}[TOOL_CALLS]now[ARGS]{}`, 'weather[ARGS]{}'],
  [
    'qwen3-coder',
    '<tool_call>\n<function=weather>\n<parameter=place>\nBern\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call><tool_call>\n<function=now>\n</function>\n</tool_call>',
    '<tool_call>\n<function=weather>\n<parameter=days>\nthree\n</parameter>\n</function>\n</tool_call>',
  ],
  [
    'deepseek-v3.1',
    `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>${weather}<｜tool▁call▁end｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
    `<｜tool▁call▁begin｜>weather<｜tool▁sep｜>${weather}`,
  ],
  [
    'kimi-k2',
    `<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>${weather}<|tool_call_end|><|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>`,
    `<|tool_calls_section_begin|><|tool_call_begin|>weather<|tool_call_argument_begin|>${weather}<|tool_call_end|><|tool_calls_section_end|>`,
  ],
  ['pythonic', '[weather(place="Bern", days=3), now()]', '[weather(days=3)]'],
  [
    'gemma-4',
    '<|tool_call>call:weather{place:<|"|>Bern<|"|>,days:3}<tool_call|><|tool_call>call:now{}<tool_call|>',
    '<|tool_call>call:weather{place:Bern}<tool_call|>',
  ],
];

describe('a call that is required', () => {
  it.each(written)('has the form %s, which is read back', async (parser, answer, wrong) => {
    const calls = callsOf(parser);
    const spec = forcedCalls({ calls, tools, choice: 'required', isParallel: true, tokenizer });
    const constraint = await constraints.of(spec, tokenizer);
    expect([answer, wrong, 'No.', ''].map((text) => constraint.accepts(text))).toEqual([true, false, false, false]);
    const form = { ...findAnswerForm(tokenizer, parser), thoughts: undefined };
    const reader = new AnswerReader({ form, tools, isSingle: false, isThinking: false });
    const parts = [...reader.push(answer), ...reader.end()];
    expect(parts.filter(({ kind }) => kind === 'text')).toEqual([]);
    expect(reader.calls).toBe(2);
  });

  it.each(written)('is the one that was named, alone: %s', async (parser, answer) => {
    const choice = { name: 'now' };
    const spec = forcedCalls({ calls: callsOf(parser), tools, choice, isParallel: true, tokenizer });
    expect((await constraints.of(spec, tokenizer)).accepts(answer)).toBe(false);
  });

  it('is one where several are not wanted', async () => {
    const given = { calls: callsOf('llama3'), tools, choice: 'required', tokenizer } as const;
    const constraint = await constraints.of(forcedCalls({ ...given, isParallel: false }), tokenizer);
    const call = '{"name": "now", "parameters": {}}';
    expect([call, `${call}; ${call}`].map((text) => constraint.accepts(text))).toEqual([true, false]);
  });

  it.each([
    [false, ['x', '<think>Hm.</think>\n\nx'], ['<think>Hm.', 'Hm.</think>x']],
    [true, ['Hm.</think>x', '\nHm.\n</think>\n\nx'], ['x', 'Hm.']],
  ])('may stand behind a thought (begun: %s)', async (isBegun, right, wrong) => {
    const thoughts = { open: '<think>', close: '</think>' };
    const spec = behindThought({ kind: 'choice', choices: ['x'] }, { thoughts, isBegun, tokenizer });
    const constraint = await constraints.of(spec, tokenizer);
    expect(right.map((text) => constraint.accepts(text))).toEqual(right.map(() => true));
    expect(wrong.map((text) => constraint.accepts(text))).toEqual(wrong.map(() => false));
  });
});
