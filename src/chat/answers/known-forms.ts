import type { CallForm, ThoughtForm } from './call-form.ts';

const json = { kind: 'json', nameKey: 'name', argumentsKey: 'arguments' } as const;
const list = { ...json, kind: 'list' } as const;
const python = { kind: 'loose', open: '(', pair: '=', quote: '"', isList: true } as const;
const gemma = (quote: string) => ({ kind: 'loose', open: '{', pair: ':', quote, isList: false }) as const;
const alone = { sectionOpen: '', sectionClose: '' } as const;

/** The forms of calls that a model can be told to have, by their names. Those of templates are found out (`findAnswerForm`). */
export const knownCallForms = {
  hermes: { ...alone, open: '<tool_call>\n', call: json, close: '\n</tool_call>' },
  llama3: {
    ...alone,
    sectionOpen: '<|python_tag|>',
    open: '',
    call: { ...json, argumentsKey: 'parameters' },
    close: '',
  },
  mistral: { ...alone, open: '[TOOL_CALLS] ', call: list, close: '' },
  'mistral-named': { ...alone, open: '[TOOL_CALLS]', call: { kind: 'named', middle: '[ARGS]' }, close: '' },
  'deepseek-v3': {
    sectionOpen: '<｜tool▁calls▁begin｜>',
    open: '<｜tool▁call▁begin｜>function<｜tool▁sep｜>',
    call: { kind: 'named', middle: '\n```json\n' },
    close: '\n```<｜tool▁call▁end｜>',
    sectionClose: '<｜tool▁calls▁end｜>',
  },
  'deepseek-v3.1': {
    sectionOpen: '<｜tool▁calls▁begin｜>',
    open: '<｜tool▁call▁begin｜>',
    call: { kind: 'named', middle: '<｜tool▁sep｜>' },
    close: '<｜tool▁call▁end｜>',
    sectionClose: '<｜tool▁calls▁end｜>',
  },
  'qwen3-coder': {
    ...alone,
    open: '<tool_call>\n<function=',
    call: {
      kind: 'tagged',
      afterName: '>\n',
      keyOpen: '<parameter=',
      keyClose: '>\n',
      valueClose: '\n</parameter>\n',
    },
    close: '</function>\n</tool_call>',
  },
  'glm-4.5': {
    ...alone,
    open: '<tool_call>',
    call: {
      kind: 'tagged',
      afterName: '\n',
      keyOpen: '<arg_key>',
      keyClose: '</arg_key>\n<arg_value>',
      valueClose: '</arg_value>\n',
    },
    close: '</tool_call>',
  },
  'kimi-k2': {
    sectionOpen: '<|tool_calls_section_begin|>',
    open: '<|tool_call_begin|>',
    call: { kind: 'named', middle: '<|tool_call_argument_begin|>', isNumbered: true },
    close: '<|tool_call_end|>',
    sectionClose: '<|tool_calls_section_end|>',
  },
  pythonic: { ...alone, open: '', call: python, close: '' },
  lfm2: { ...alone, open: '<|tool_call_start|>', call: python, close: '<|tool_call_end|>' },
  'gemma-4': { ...alone, open: '<|tool_call>call:', call: gemma('<|"|>'), close: '<tool_call|>' },
  'function-gemma': {
    ...alone,
    open: '<start_function_call>call:',
    call: gemma('<escape>'),
    close: '<end_function_call>',
  },
  granite: { ...alone, open: '<|tool_call|>', call: list, close: '' },
  'phi4-mini': { ...alone, open: '<|tool_call|>', call: list, close: '<|/tool_call|>' },
  'command-r': {
    ...alone,
    open: 'Action: ```json\n',
    call: { kind: 'list', nameKey: 'tool_name', argumentsKey: 'parameters' },
    close: '\n```',
  },
  harmony: 'harmony',
} as const satisfies Readonly<Record<string, CallForm | 'harmony'>>;

export type CallFormName = keyof typeof knownCallForms;

/** Marks of thoughts that templates name, though they write none. */
export const knownThoughtForms: readonly ThoughtForm[] = [
  { open: '<think>', close: '</think>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<|channel>thought\n', close: '<channel|>' },
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: 'Here is my thought process:', close: 'Here is my response:' },
];
