import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerReader } from './answer-reader.ts';
import type { AnswerPart } from './answer-part.ts';
import type { AnswerForm } from './call-form.ts';
import { type CallFormName, knownCallForms } from './known-forms.ts';

const tools = [
  {
    type: 'function',
    function: {
      name: 'weather',
      parameters: { type: 'object', properties: { place: { type: 'string' }, days: { type: 'integer' } } },
    },
  },
  { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } },
];

interface Given {
  readonly form: AnswerForm;
  readonly isSingle?: boolean;
  readonly isThinking?: boolean;
  readonly hasTools?: boolean;
}

interface Read {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly string[];
}

function readIn(
  pieces: readonly string[],
  { form, isSingle = false, isThinking = false, hasTools = true }: Given,
): Read {
  const reader = new AnswerReader({ form, tools: hasTools ? tools : undefined, isSingle, isThinking });
  const parts = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
  return joined(parts);
}

function joined(parts: readonly AnswerPart[]): Read {
  const read = { text: '', reasoning: '', calls: [] as string[] };
  for (const part of parts) {
    if (part.kind === 'call') read.calls.push(`${part.name} `);
    else if (part.kind === 'arguments') read.calls[read.calls.length - 1] += part.text;
    else read[part.kind] += part.text;
  }
  return read;
}

const formOf = (name: CallFormName): AnswerForm => ({
  calls: knownCallForms[name],
  thoughts: { open: '<think>', close: '</think>' },
  hasShortIds: false,
  markIds: new Set(),
});

const bern = '{"place": "Bern \\"}\\" 🌧", "days": [1, {"a": 2}]}';
const sep = '<｜tool▁sep｜>';
const [callsBegin, callBegin] = ['<｜tool▁calls▁begin｜>', '<｜tool▁call▁begin｜>'];
const [callEnd, callsEnd] = ['<｜tool▁call▁end｜>', '<｜tool▁calls▁end｜>'];
const twoCalls = [`weather ${bern}`, 'now {}'];

/** What a model writes in each form: words and two calls. */
const written: Record<CallFormName, { readonly answer: string; readonly calls?: readonly string[] }> = {
  hermes: {
    answer: `Let me see.\n<tool_call>\n{"name": "weather", "arguments": ${bern}}\n</tool_call>\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>`,
  },
  llama3: {
    answer: `{"name": "weather", "parameters": ${bern}}; {"type": "function", "name": "now"}`,
  },
  mistral: {
    answer: `Let me see.[TOOL_CALLS] [{"name": "weather", "arguments": ${bern}, "id": "abcdef123"}, {"name": "now", "arguments": {}}]`,
  },
  'mistral-named': { answer: `Let me see.[TOOL_CALLS]weather[ARGS]${bern}[TOOL_CALLS]now[ARGS]{}` },
  'deepseek-v3': {
    answer: `Let me see.${callsBegin}${callBegin}function${sep}weather\n\`\`\`json\n${bern}\n\`\`\`${callEnd}\n${callBegin}function${sep}now\n\`\`\`json\n{}\n\`\`\`${callEnd}${callsEnd}`,
  },
  'deepseek-v3.1': {
    answer: `Let me see.${callsBegin}${callBegin}weather${sep}${bern}${callEnd}${callBegin}now${sep}{}${callEnd}${callsEnd}`,
  },
  'qwen3-coder': {
    answer: `Let me see.\n\n<tool_call>\n<function=weather>\n<parameter=place>\nBern "}" 🌧\n<b>\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>`,
    calls: ['weather {"place": "Bern \\"}\\" 🌧\\n<b>", "days": 3}', 'now {}'],
  },
  'glm-4.5': {
    answer: `Let me see.\n<tool_call>weather\n<arg_key>place</arg_key>\n<arg_value>Bern</arg_value>\n<arg_key>days</arg_key>\n<arg_value>[1, 2]</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>`,
    calls: ['weather {"place": "Bern", "days": [1, 2]}', 'now {}'],
  },
  'kimi-k2': {
    answer: `Let me see.<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>${bern}<|tool_call_end|><|tool_call_begin|>now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>`,
  },
  pythonic: { answer: `[weather(place="Bern \\"}\\" 🌧", days=[1, {'a': 2}]), now()]` },
  lfm2: {
    answer: `Let me see.<|tool_call_start|>[weather(place='Bern "}" 🌧', days=[1, {"a": 2}]), now()]<|tool_call_end|>`,
  },
  'gemma-4': {
    answer: `Let me see.<|tool_call>call:weather{place:<|"|>Bern "}" 🌧<|"|>,days:[1,{a:2}]}<tool_call|><|tool_call>call:now{}<tool_call|>`,
  },
  'function-gemma': {
    answer: `Let me see.<start_function_call>call:weather{place:<escape>Bern "}" 🌧<escape>,days:[1,{a:2}]}<end_function_call><start_function_call>call:now{}<end_function_call>`,
  },
  granite: {
    answer: `Let me see.<|tool_call|>[{"arguments": ${bern}, "name": "weather"}, {"name": "now", "arguments": null}]`,
  },
  'phi4-mini': {
    answer: `Let me see.<|tool_call|>[{"name": "weather", "arguments": ${JSON.stringify(bern)}}, {"name": "now", "arguments": {}}]<|/tool_call|>`,
  },
  'command-r': {
    answer: `Let me see.Action: \`\`\`json\n[\n    {\n        "tool_name": "weather",\n        "parameters": ${bern}\n    },\n    {\n        "tool_name": "now",\n        "parameters": {}\n    }\n]\`\`\``,
  },
  harmony: {
    answer: `<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>${bern}<|call|><|start|>assistant to=functions.now<|channel|>commentary json<|message|>{}<|call|>`,
  },
};
const cases = Object.entries(written) as [CallFormName, (typeof written)[CallFormName]][];

/** Divides a text at these places. */
function divided(text: string, places: readonly number[]): string[] {
  const cuts = [0, ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return cuts.slice(1).map((end, index) => text.slice(cuts[index], end));
}

describe('an answer with words and two calls', () => {
  it.each(cases)('is read in the form %s', (name, { answer, calls = twoCalls }) => {
    const text = name === 'llama3' || name === 'pythonic' ? '' : 'Let me see.';
    expect(readIn([answer], { form: formOf(name) })).toEqual({ text, reasoning: '', calls });
  });

  it.each(cases)('ends with the first call where one is wanted: %s', (name, { answer, calls = twoCalls }) => {
    expect(readIn([answer], { form: formOf(name), isSingle: true }).calls).toEqual(calls.slice(0, 1));
  });

  it.each(cases)('is a text for a request without tools: %s', (name, { answer }) => {
    const { text, calls } = readIn([answer], { form: formOf(name), hasTools: false });
    expect(calls).toEqual([]);
    expect(text).toContain(name === 'harmony' ? bern : answer);
  });
});

describe('thoughts', () => {
  const form = formOf('hermes');
  const call = '<tool_call>{"name": "now"}</tool_call>';

  it.each<[string, string, boolean, Read]>([
    [
      'before words',
      '<think>\nHm.\n\nSo.\n</think>\n\nYes.',
      false,
      { reasoning: 'Hm.\n\nSo.', text: 'Yes.', calls: [] },
    ],
    ['that the prompt has begun', 'Hm.</think>Yes.', true, { reasoning: 'Hm.', text: 'Yes.', calls: [] }],
    ['that are begun twice', '<think>Hm.</think>Yes.', true, { reasoning: 'Hm.', text: 'Yes.', calls: [] }],
    ['before a call', `<think>Hm.</think>\n${call}`, false, { reasoning: 'Hm.', text: '', calls: ['now {}'] }],
    ['with what looks like a call', `<think>${call}</think>Yes.`, false, { reasoning: call, text: 'Yes.', calls: [] }],
    ['without an end', '<think>Hm.', false, { reasoning: 'Hm.', text: '', calls: [] }],
    ['that are none', 'Write <think>.</think>', false, { reasoning: '', text: 'Write <think>.</think>', calls: [] }],
  ])('are kept apart: %s', (_, answer, isThinking, read) => {
    expect(readIn([answer], { form, isThinking })).toEqual(read);
  });

  it('of the analysis channel are kept apart', () => {
    const answer =
      '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>';
    expect(readIn([answer], { form: formOf('harmony') })).toEqual({ reasoning: 'Hm.', text: 'Yes.', calls: [] });
  });
});

describe('arguments that are written as a program', () => {
  const call = (given: string): string => `<|tool_call_start|>[f(${given})]<|tool_call_end|>`;

  it.each([
    ['a=True, b=False, c=None', { a: true, b: false, c: null }],
    ['a=-1.5e3, b = 2', { a: -1500, b: 2 }],
    [String.raw`a='it\'s\n\x41\u00e9\q', b=""`, { a: "it's\nA\u00e9\\q", b: '' }],
    ['a="""two\n"lines".""", b=\'\'', { a: 'two\n"lines".', b: '' }],
    ['a=("x", 1,), b=[[], {}]', { a: ['x', 1], b: [[], {}] }],
    [`a={'k': {"l": 'm'}}`, { a: { k: { l: 'm' } } }],
    ['"a"=1', { a: 1 }],
    ['a=word', { a: 'word' }],
  ])('become JSON: %s', (given, value) => {
    const [read = ''] = readIn([call(given)], { form: formOf('lfm2') }).calls;
    expect(JSON.parse(read.slice('f '.length))).toEqual(value);
  });

  it('keep words without quotes where the tool wants a text', () => {
    const answer = '<|tool_call>call:weather{place:3011,days:3011}<tool_call|>';
    const { calls } = readIn([answer], { form: formOf('gemma-4') });
    expect(calls).toEqual(['weather {"place": "3011", "days": 3011}']);
  });

  it('end where they are too deep', () => {
    const deep = `${'['.repeat(1000)}`;
    const { calls, text } = readIn([call(`a=${deep}`)], { form: formOf('lfm2') });
    expect(calls).toEqual([`f {"a": ${'['.repeat(64)}`]);
    expect(text).toContain('['.repeat(1000 - 64));
  });
});

describe('what looks like a call', () => {
  it.each<[CallFormName, string]>([
    ['hermes', 'See <tool_call> and go.'],
    ['hermes', '<tool_call>\n{"name": 5}\n</tool_call>'],
    ['hermes', '<tool_call>\n{"nam'],
    ['hermes', 'A < b, a <tool'],
    ['llama3', '{"name": "Ann", "parameters": {}} is a person'],
    ['llama3', '{"a": [1'],
    ['llama3', '{} and {"name": "now"}'],
    ['llama3', '<|python_tag|>print(1)'],
    ['mistral', '[TOOL_CALLS] [7]'],
    ['mistral-named', '[TOOL_CALLS]weather {"a": 1}'],
    ['deepseek-v3', `${callsBegin}${callsEnd}`],
    ['qwen3-coder', '<tool_call>\n<function=>\n</function>'],
    ['glm-4.5', '<tool_call>'],
    ['command-r', 'Action: sleep'],
    ['kimi-k2', '<|tool_call_begin|>functions.now:0 {}'],
    ['pythonic', '[print("x")] and [now()]'],
    ['pythonic', '[weather("Bern")]'],
    ['pythonic', '[now'],
    ['lfm2', '<|tool_call_start|>[]<|tool_call_end|>'],
    ['gemma-4', '<|tool_call>call:{a:1}<tool_call|>'],
    ['harmony', 'no head at all'],
  ])('and is none stays text: %s, %s', (name, answer) => {
    expect(readIn([answer], { form: formOf(name) })).toEqual({ text: answer, reasoning: '', calls: [] });
  });

  it.each<[string, CallFormName, string, Read]>([
    [
      'within arguments',
      'hermes',
      '<tool_call>{"name": "now", "arguments": {"a": "b',
      { text: '', reasoning: '', calls: ['now {"a": "b'] },
    ],
    [
      'within a value',
      'qwen3-coder',
      '<tool_call><function=weather><parameter=place>Be',
      { text: '', reasoning: '', calls: ['weather {"place": "Be'] },
    ],
    [
      'behind arguments',
      'hermes',
      '<tool_call>{"name": "now", "arguments": {}, oops',
      { text: ', oops', reasoning: '', calls: ['now {}'] },
    ],
    [
      'in a list',
      'mistral',
      '[TOOL_CALLS][{"name": "now"}, {"x": 1} tail',
      { text: ' {"x": 1} tail', reasoning: '', calls: ['now {}'] },
    ],
    [
      'before more words',
      'hermes',
      '<tool_call>{"name": "now"}</tool_call>\nDone. ',
      { text: '\nDone. ', reasoning: '', calls: ['now {}'] },
    ],
  ])('and is cut off or broken loses nothing: %s', (_, name, answer, read) => {
    expect(readIn([answer], { form: formOf(name) })).toEqual(read);
  });
});

describe('a text, however it is divided,', () => {
  it.each(cases)('is read alike: %s', (name, { answer }) => {
    const marks = answer.match(/<[^<>]*>|\[[A-Z_]+\]|[{}[\]":,]|\s+|\w+/gu) ?? [];
    const texts = fc.oneof(
      fc.constant(answer),
      fc.constant(`<think>so</think>${answer}`),
      fc.array(fc.constantFrom(...marks, '<think>', '</think>', '🌧'), { maxLength: 30 }).map((all) => all.join('')),
      fc.nat({ max: answer.length }).map((end) => answer.slice(0, end)),
    );
    const form = formOf(name);
    fc.assert(
      fc.property(texts, fc.array(fc.nat()), fc.boolean(), fc.boolean(), (text, places, isSingle, isThinking) => {
        const given = { form, isSingle, isThinking };
        const whole = readIn([text], given);
        expect(readIn(divided(text, places), given)).toEqual(whole);
        expect(readIn([...text], given)).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });
});
