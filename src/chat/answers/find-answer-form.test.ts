import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ChatMessage, createTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import { FieldProblem } from '../field-problem.ts';
import { fitToTemplate } from '../fit-template.ts';
import { AnswerReader } from './answer-reader.ts';
import { findAnswerForm } from './find-answer-form.ts';
import { knownCallForms } from './known-forms.ts';

const golden = new URL('../../../test/golden/templates/templates/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(`${name}.jinja`, golden), 'utf8');
const tokenizerOf = (chatTemplate: string): Tokenizer => createTokenizer(byteLevelFiles({ chatTemplate }));

/** A template with users, answers and this text for each call. */
function templateOf(call: string, { begin = '', end = '', prompt = '' } = {}): string {
  const calls = `{% if m.tool_calls %}${begin}{% for c in m.tool_calls %}${call}{% endfor %}${end}{% endif %}`;
  const turn = `<|{{ m.role }}|>{{ m.content or '' }}${calls}<|end|>`;
  return `{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}${turn}{% endfor %}{% if add_generation_prompt %}<|assistant|>${prompt}{% endif %}`;
}

const json = 'c.function.arguments | tojson';
const templates: readonly (readonly [string, string])[] = [
  ...[
    'hermes-tools',
    'qwen-2.5-tools',
    'qwen-3',
    'llama-3.1-tools',
    'mistral-v3-tools',
    'command-r',
    'deepseek-r1',
    'harmony',
  ].map((name) => [name, read(name)] as const),
  ['names and arguments', templateOf(`[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ ${json} }}`)],
  [
    'a section of calls',
    templateOf(`<call>{{ c.function.name }}<sep>{{ ${json} }}</call>`, { begin: '<calls>', end: '</calls>' }),
  ],
  [
    'functions and parameters as tags',
    templateOf(
      '<tool_call>\n<function={{ c.function.name }}>\n{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n{{ v if v is string else v | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>\n',
    ),
  ],
  [
    'keys and values as tags',
    templateOf(
      '<tool_call>{{ c.function.name }}\n{% for k, v in c.function.arguments.items() %}<arg_key>{{ k }}</arg_key>\n<arg_value>{{ v if v is string else v | tojson }}</arg_value>\n{% endfor %}</tool_call>\n',
    ),
  ],
];

/** What templates of Gemma write of an argument. */
const looseArgument = '{{ k }}:{{ "<|q|>" + v + "<|q|>" if v is string else v }}{% if not loop.last %},{% endif %}';
const pythonArgument = '{{ k }}={{ v | tojson }}{% if not loop.last %}, {% endif %}';
const over = (text: string): string => `{% for k, v in c.function.arguments.items() %}${text}{% endfor %}`;
const looseTemplates: readonly (readonly [string, string])[] = [
  ['keys without quotes', templateOf(`<|call>call:{{ c.function.name + "{" }}${over(looseArgument)}{{ "}" }}<call|>`)],
  [
    'calls of a program in a list',
    templateOf(`{{ c.function.name }}(${over(pythonArgument)}){% if not loop.last %}, {% endif %}`, {
      begin: '<|calls|>[',
      end: ']<|/calls|>',
    }),
  ],
];

const tools = ['weather', 'now'].map((name) => ({
  type: 'function',
  function: {
    name,
    description: 'a tool',
    parameters: {
      type: 'object',
      properties: { place: { type: 'string', description: 'p' }, days: { type: 'integer', description: 'd' } },
    },
  },
}));
const callOf = (name: string, given: Readonly<Record<string, unknown>>) =>
  ({ id: 'abcdef123', type: 'function', function: { name, arguments: given } }) as const;
const first = callOf('weather', { place: 'Bern, "Wankdorf" <b>', days: 3 });
const second = callOf('now', { place: 'Basel' });

/** What the template makes of an assistant's message, from the generation prompt to the end of the turn. */
function writtenBy(tokenizer: Tokenizer, message: ChatMessage): string {
  const user: ChatMessage = { role: 'user', content: 'hi' };
  const fitted = fitToTemplate({ messages: [user, message] }, tokenizer);
  if (fitted instanceof FieldProblem) throw new Error(fitted.problem);
  const whole = tokenizer.renderChat(fitted.messages, { addGenerationPrompt: false, tools });
  const prompt = tokenizer.renderChat([user], { addGenerationPrompt: true, tools });
  if (whole.startsWith(prompt)) return whole.slice(prompt.length);
  return whole.slice(whole.lastIndexOf('<|Assistant|>') + '<|Assistant|>'.length);
}

function callsIn(tokenizer: Tokenizer, text: string): readonly (readonly [string, unknown])[] {
  const reader = new AnswerReader({ form: findAnswerForm(tokenizer), tools, isSingle: false, isThinking: false });
  const calls: [string, string][] = [];
  for (const part of [...reader.push(text), ...reader.end()]) {
    if (part.kind === 'call') calls.push([part.name, '']);
    const call = calls.at(-1);
    if (part.kind === 'arguments' && call) call[1] += part.text;
  }
  return calls.map(([name, given]) => [name, JSON.parse(given)]);
}

describe('a call that a template has written', () => {
  it.each([...templates, ...looseTemplates])('is read back: %s', (_, template) => {
    const tokenizer = tokenizerOf(template);
    const text = writtenBy(tokenizer, { role: 'assistant', content: null, tool_calls: [first] });
    expect(callsIn(tokenizer, text)).toEqual([[first.function.name, first.function.arguments]]);
  });

  const ofOne = ['llama-3.1-tools', 'harmony'];
  it.each([...templates, ...looseTemplates].filter(([name]) => !ofOne.includes(name)))(
    'is read back beside another: %s',
    (_, template) => {
      const tokenizer = tokenizerOf(template);
      const text = writtenBy(tokenizer, { role: 'assistant', content: null, tool_calls: [first, second] });
      expect(callsIn(tokenizer, text)).toEqual(
        [first, second].map((call) => [call.function.name, call.function.arguments]),
      );
    },
  );
});

describe('the form of a template', () => {
  it.each([
    ['chatml', knownCallForms.hermes],
    ['qwen-2.5-tools', knownCallForms.hermes],
    ['mistral-v3-tools', knownCallForms.mistral],
    ['llama-3.1-tools', knownCallForms.llama3],
    ['harmony', 'harmony'],
    ['smollm-3', undefined],
  ])('is found out: %s', (name, calls) => {
    expect(findAnswerForm(tokenizerOf(read(name))).calls).toEqual(calls);
  });

  it('is that of the marks that it names, where it writes no calls', () => {
    const tells = `{{ "Answer with <tool_call>." }}${templateOf('').replace('{% if m.tool_calls %}', '{% if false %}')}`;
    expect(findAnswerForm(tokenizerOf(tells)).calls).toEqual(knownCallForms.hermes);
  });

  it.each([
    ['<|tool_call_argument_begin|>', 'kimi-k2'],
    ['<|tool_list_start|>', 'lfm2'],
    ['<|tool_call>', 'gemma-4'],
    ['<start_function_call>', 'function-gemma'],
  ] as const)('is that of a mark that it names: %s', (mark, name) => {
    const template = `${templateOf('').replace('{% if m.tool_calls %}', '{% if false %}')}{% if false %}${mark}{% endif %}`;
    expect(findAnswerForm(tokenizerOf(template)).calls).toEqual(knownCallForms[name]);
  });

  it('is the one that was named', () => {
    const tokenizer = tokenizerOf(read('chatml'));
    expect(findAnswerForm(tokenizer, 'granite').calls).toEqual(knownCallForms.granite);
    expect(findAnswerForm(tokenizerOf(read('qwen-3')), 'none').calls).toBeUndefined();
  });

  it('asks for short ids where the template takes no others', () => {
    expect(findAnswerForm(tokenizerOf(read('mistral-v3-tools'))).hasShortIds).toBe(true);
    expect(findAnswerForm(tokenizerOf(read('qwen-3'))).hasShortIds).toBe(false);
  });

  it.each([
    ['qwen-3', { open: '<think>', close: '</think>' }],
    ['deepseek-r1', { open: '<think>', close: '</think>' }],
    ['chatml', undefined],
    ['harmony', undefined],
  ])('has the marks of thoughts: %s', (name, thoughts) => {
    expect(findAnswerForm(tokenizerOf(read(name))).thoughts).toEqual(thoughts);
  });

  it('has marks of thoughts in brackets, as the template writes them', () => {
    const template = `{% for m in messages %}<|{{ m.role }}|>{% if m.thinking %}[THOUGHT]{{ m.thinking }}[/THOUGHT]{% endif %}{{ m.content }}{% endfor %}`;
    expect(findAnswerForm(tokenizerOf(template)).thoughts).toEqual({ open: '[THOUGHT]', close: '[/THOUGHT]' });
  });

  it('knows the special tokens of its marks', () => {
    const tokenizer = tokenizerOf(templateOf(`<|user|>{{ c.function.name }}[ARGS]{{ ${json} }}`));
    const [special] = tokenizer.encode('<|user|>');
    expect(findAnswerForm(tokenizer).markIds).toContain(special);
  });
});
