import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnswerForm, findAnswerForm, type ToolParser } from '../../chat/index.ts';
import { Constraints } from '../../constrain/index.ts';
import { createTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import { optionalCalls } from './optional-calls.ts';
import { textWithout } from './text-without.ts';

const golden = new URL('../../../test/golden/templates/templates/', import.meta.url);
const qwen = readFileSync(new URL('qwen-3.jinja', golden), 'utf8');
const tokenizer: Tokenizer = createTokenizer(byteLevelFiles({ chatTemplate: qwen }));
const constraints = new Constraints();

const parameters = {
  type: 'object',
  properties: { place: { type: 'string' }, days: { type: 'integer' } },
  required: ['place'],
  additionalProperties: false,
};
const tools = [{ type: 'function', function: { name: 'weather', parameters, strict: true } }];

function callsOf(parser: ToolParser): NonNullable<AnswerForm['calls']> {
  const { calls } = findAnswerForm(tokenizer, parser);
  if (calls === undefined) throw new Error('No calls');
  return calls;
}

describe('a text without a mark', () => {
  it.each(['<tool_call>', '[TOOL_CALLS]', 'Action:', '</think>', '^x^'])('%s', async (mark) => {
    const accepted = await constraints.of(textWithout(mark), tokenizer);
    const avoided = mark === '^x^' ? '^x' : mark;
    const part = fc.integer({ min: 1, max: mark.length }).map((count) => mark.slice(0, count));
    const piece = fc.oneof(part, fc.constantFrom(...mark, 'é', '\n', ' ', mark.slice(1)));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
        const text = pieces.join('');
        expect([text, accepted.accepts(text)]).toEqual([text, !text.includes(avoided)]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('an answer that may call', () => {
  const call = (given: string): string => `<tool_call>\n{"name": "weather", "arguments": ${given}}\n</tool_call>`;
  const right = '{"place": "Bern", "days": 3}';

  it('has any text, and calls that their schemas allow', async () => {
    const spec = optionalCalls({ calls: callsOf('hermes'), tools, isParallel: true, tokenizer });
    const constraint = await constraints.of(spec ?? { kind: 'json-object' }, tokenizer);
    const texts: readonly (readonly [string, boolean])[] = [
      ['', true],
      ['a < b, <b>x</b> and <tool_', true],
      [call(right), true],
      [`Let me see.\n${call(right)}`, true],
      [`<\n${call(right)}\n${call('{"place": ""}')}`, true],
      [`${call(right)} Done. {"x"}`, true],
      [call('{"place": "Bern", "days": "three"}'), false],
      [call('{"days": 3}'), false],
      [call(right).replace('weather', 'tide'), false],
      ['<tool_call>', false],
      [`${call(right)} and <tool_call>`, false],
    ];
    expect(texts.map(([text]) => [text, constraint.accepts(text)])).toEqual(texts);
  });

  it('calls once where several are not wanted', async () => {
    const spec = optionalCalls({ calls: callsOf('hermes'), tools, isParallel: false, tokenizer });
    const constraint = await constraints.of(spec ?? { kind: 'json-object' }, tokenizer);
    expect([call(right), `${call(right)}\n${call(right)}`].map((text) => constraint.accepts(text))).toEqual([
      true,
      false,
    ]);
  });

  it.each<[ToolParser, string, string]>([
    ['mistral', 'See: [TOOL_CALLS] [{"name": "weather", "arguments": {"place": "x"}}]', '[TOOL_CALLS] []'],
    ['mistral-named', '[x] [TOOL_CALLS]weather[ARGS]{"place": "x"}', '[TOOL_CALLS]tide[ARGS]{}'],
    [
      'deepseek-v3.1',
      '<a> <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{"place": "x"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
      '<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{}',
    ],
  ])('in the form %s', async (parser, good, bad) => {
    const spec = optionalCalls({ calls: callsOf(parser), tools, isParallel: true, tokenizer });
    const constraint = await constraints.of(spec ?? { kind: 'json-object' }, tokenizer);
    expect([good, bad, 'No.'].map((text) => constraint.accepts(text))).toEqual([true, false, true]);
  });

  it.each<ToolParser>(['llama3', 'harmony'])('is free in the form %s, which has no mark of its own', (parser) => {
    expect(optionalCalls({ calls: callsOf(parser), tools, isParallel: true, tokenizer })).toBeUndefined();
  });
});
