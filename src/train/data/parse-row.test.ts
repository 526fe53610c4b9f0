import { describe, expect, it } from 'vitest';

import type { FormatName } from './formats/row-formats.ts';
import { parseRow } from './parse-row.ts';

const place = { path: 'data.jsonl', unit: 'line', line: 7 } as const;

const asked = { role: 'user', content: 'q' };
const answered = { role: 'assistant', content: 'a' };
const worse = { role: 'assistant', content: 'no' };

describe('parseRow', () => {
  it.each<[object, FormatName, object]>([
    [{ text: 'a' }, 'text', { kind: 'text', text: 'a' }],
    [{ prompt: 'a', completion: 'b' }, 'prompt-completion', { kind: 'completion', prompt: 'a', completion: 'b' }],
    [{ question: 'a', answer: 'b' }, 'prompt-completion', { kind: 'completion', prompt: 'a', completion: 'b' }],
    [{ input: 'a', output: 'b' }, 'prompt-completion', { kind: 'completion', prompt: 'a', completion: 'b' }],
    [{ prompt: [asked], completion: [answered] }, 'prompt-completion', { messages: [asked, answered] }],
    [
      { prompt: [asked, answered, asked], completion: [answered] },
      'prompt-completion',
      { messages: [asked, answered, asked, answered], learned: [false, false, false, undefined] },
    ],
    [{ input_ids: [1, 2] }, 'tokens', { kind: 'tokens', inputIds: [1, 2] }],
    [
      { input_ids: [1, 2], labels: [-100, 2], attention_mask: [1, 1] },
      'tokens',
      { kind: 'tokens', inputIds: [1, 2], labels: [-100, 2] },
    ],
    [{ messages: [asked] }, 'messages', { kind: 'messages', messages: [asked], learned: [undefined] }],
    [
      { messages: [asked], chat_template_kwargs: { tone: 'dry' }, enable_thinking: false },
      'messages',
      { messages: [asked], variables: { tone: 'dry', enable_thinking: false } },
    ],
    [{ messages: JSON.stringify([asked]) }, 'messages', { messages: [asked] }],
    [
      { messages: [{ ...answered, weight: 0 }], tools: [{ name: 'f' }], functions: [], parallel_tool_calls: false },
      'messages',
      { kind: 'messages', messages: [answered], learned: [false], tools: [{ name: 'f' }] },
    ],
    [
      {
        conversations: [
          { from: 'human', value: 'q' },
          { from: 'gpt', value: 'a', weight: 0 },
        ],
        system: 's',
      },
      'sharegpt',
      { messages: [{ role: 'system', content: 's' }, asked, answered], learned: [undefined, undefined, false] },
    ],
    [
      {
        conversations: [
          { from: 'human', value: 'q' },
          { from: 'function_call', value: '{"name":"f","arguments":{"n":1}}' },
          { from: 'observation', value: 'ok' },
        ],
        tools: '[{"name":"f"}]',
      },
      'sharegpt',
      {
        messages: [
          asked,
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ type: 'function', function: { name: 'f', arguments: { n: 1 } } }],
          },
          { role: 'tool', content: 'ok' },
        ],
        tools: [{ name: 'f' }],
      },
    ],
    [{ conversation: [asked, answered] }, 'sharegpt', { messages: [asked, answered] }],
    [
      { instruction: 'do', input: 'this', output: 'a' },
      'alpaca',
      {
        messages: [{ role: 'user', content: 'do\nthis' }, answered],
        plain: {
          prompt: expect.stringMatching(/### Instruction:\ndo\n\n### Input:\nthis\n\n### Response:\n$/),
          completion: 'a',
        },
      },
    ],
    [
      { instruction: 'q', input: '', output: 'a', system: 's', history: [['q', 'a']] },
      'alpaca',
      { messages: [{ role: 'system', content: 's' }, asked, answered, asked, answered] },
    ],
    [{ instruction: 'q', context: '', response: 'a' }, 'alpaca', { messages: [asked, answered] }],
    [
      { system: 's', messages: [asked, answered] },
      'messages',
      { messages: [{ role: 'system', content: 's' }, asked, answered], learned: [undefined, undefined, undefined] },
    ],
    [{ system: '', messages: [asked, answered] }, 'messages', { messages: [asked, answered] }],
  ])('understands %j', (row, format, expected) => {
    const formats: string[] = [];
    const unknown: string[] = [];
    const options = { onFormat: (name: string) => formats.push(name), onUnknown: (name: string) => unknown.push(name) };
    expect(parseRow(row, place, options)).toMatchObject(expected);
    expect([formats, unknown]).toEqual([[format], []]);
  });

  it.each<[object, object]>([
    [
      { prompt: 'a', chosen: 'b', rejected: 'c' },
      { kind: 'completion', prompt: 'a', completion: 'b' },
    ],
    [
      { chosen: 'q: yes', rejected: 'q: no' },
      { kind: 'completion', prompt: 'q: ', completion: 'yes' },
    ],
    [{ prompt: [asked], chosen: [answered], rejected: [worse] }, { messages: [asked, answered] }],
    [
      { chosen: [asked, answered], rejected: [asked, worse] },
      { messages: [asked, answered], learned: [false, undefined] },
    ],
    [
      { prompt: [asked], chosen: [asked, answered], rejected: [asked, worse] },
      { messages: [asked, answered], learned: [false, undefined] },
    ],
    [
      { prompt: 'q', chosen: [asked, answered], rejected: [asked, worse] },
      { messages: [asked, answered], learned: [false, undefined] },
    ],
    [
      {
        input: { messages: [asked], tools: [{ name: 'f' }] },
        preferred_output: [answered],
        non_preferred_output: [worse],
      },
      { messages: [asked, answered], learned: [false, undefined], tools: [{ name: 'f' }] },
    ],
  ])('takes the chosen answer where asked, and else refuses: %j', (row, expected) => {
    expect(parseRow(row, place, { chosen: true })).toMatchObject(expected);
    expect(() => parseRow(row, place)).toThrow(/preferences are not trained/);
  });

  it('names the fields that no format has, and passes them over', () => {
    const unknown: string[] = [];
    const row = { text: 'a', speaker: 'Anna', prompt: 'unused' };
    expect(parseRow(row, place, { onUnknown: (name) => unknown.push(name) })).toEqual({ kind: 'text', text: 'a' });
    parseRow({ messages: [{ ...asked, mood: 1 }] }, place, { onUnknown: (name) => unknown.push(name) });
    parseRow({ prompt: 'a', completion: 'b', response: 'c', loss: 0.5, train: true }, place, {
      onUnknown: (name) => unknown.push(name),
    });
    parseRow({ instruction: 'a', output: 'b', response: 'c' }, place, { onUnknown: (name) => unknown.push(name) });
    expect(unknown).toEqual(['speaker', 'prompt', 'messages[].mood', 'response', 'loss', 'train', 'response']);
  });

  it('takes a conversation beside a worse answer where the better one is asked for', () => {
    const row = { messages: [asked, answered], rejected_response: 'no' };
    expect(parseRow(row, place, { chosen: true })).toMatchObject({ messages: [asked, answered] });
    expect(() => parseRow(row, place)).toThrow(/preferences are not trained/);
  });

  it('takes rows of several formats for the one that is asked for, and no other', () => {
    const row = { instruction: 'q', output: 'a', text: 'all' };
    expect(() => parseRow(row, place)).toThrow('the fields of several formats (text, alpaca)');
    expect(parseRow(row, place, { format: 'text' })).toEqual({ kind: 'text', text: 'all' });
    expect(() => parseRow({ text: 'a' }, place, { format: 'alpaca' })).toThrow(
      'a row of the format alpaca has "instruction" and "output" (with "input" or without); it has "text".',
    );
  });

  it.each([
    [{ tetx: 'a' }, 'DATA_ROW_UNKNOWN', 'unknown key "tetx". Did you mean "text"?'],
    [{ message: [] }, 'DATA_ROW_UNKNOWN', 'Did you mean "messages"?'],
    [{ prompt: 'a' }, 'DATA_ROW_UNKNOWN', 'it has "prompt" but no "completion".'],
    [{ completion: 'a' }, 'DATA_ROW_UNKNOWN', 'it has "completion" but no "prompt".'],
    [{ mail: 'a', reply: 'b' }, 'DATA_ROW_UNKNOWN', 'it has "mail", "reply" only.'],
    [{ chosen: 'a' }, 'DATA_ROW_UNKNOWN', 'it has "chosen" but no "rejected".'],
    [{ instruction: 'a' }, 'DATA_ROW_UNKNOWN', 'no "output"'],
    [{}, 'DATA_ROW_UNKNOWN', 'an empty object'],
    [{ text: 'a', input_ids: [1] }, 'DATA_ROW_UNKNOWN', 'the fields of several formats (text, tokens)'],
    [{ input_ids: [1], label: [1] }, 'DATA_ROW_UNKNOWN', 'unknown key "label". Did you mean "labels"?'],
    ['hello', 'DATA_ROW_INVALID', 'expected a JSON object, got "hello"'],
    [[1], 'DATA_ROW_INVALID', 'expected a JSON object, got a list'],
    [null, 'DATA_ROW_INVALID', 'got null'],
    [{ text: 5 }, 'DATA_ROW_INVALID', '"text" must be a string, got 5'],
    [{ prompt: 'a', completion: null }, 'DATA_ROW_INVALID', '"completion" must be a string, got null'],
    [{ messages: [] }, 'DATA_ROW_INVALID', 'messages: it must be a list of at least one message, got an empty list'],
    [{ messages: ['hi'] }, 'DATA_ROW_INVALID', 'messages[0]: a message is an object'],
    [
      { messages: [{ role: 'user', contents: 'x' }] },
      'DATA_ROW_INVALID',
      'messages[0].contents: no such field is known (did you mean "content"?)',
    ],
    [
      { messages: [{ role: 'user', content: ['x'] }] },
      'DATA_ROW_INVALID',
      'messages[0].content[0]: {"type": "text", "text": ...} is expected, got "x"',
    ],
    [
      { messages: [{ role: 'user', content: 'x' }], tools: [{ name: 'f' }], functions: [{ name: 'f' }] },
      'DATA_ROW_INVALID',
      'functions: "tools" are there too',
    ],
    [{ text: 'a', weight: 0.5 }, 'DATA_ROW_INVALID', '"weight" would change what is learned'],
    [{ text: 'a', tools: [{ name: 'f' }] }, 'DATA_ROW_INVALID', '"tools" would change what is learned'],
    [{ prompt: 'a', completion: 'b', tools: [{}] }, 'DATA_ROW_INVALID', '"tools" need a prompt of messages'],
    [{ prompt: 'a', completion: 'b', label: false }, 'DATA_ROW_INVALID', 'Keep the good ones'],
    [{ prompt: 'a', completion: 'b', label: 0 }, 'DATA_ROW_INVALID', 'Keep the good ones'],
    [{ prompt: 'a', completion: 'b', label: 'false' }, 'DATA_ROW_INVALID', 'Keep the good ones'],
    [{ prompt: 'a', completion: [answered] }, 'DATA_ROW_INVALID', 'prompt: it must be a list'],
    [{ question: 'a', context: 'c', answer: 'b' }, 'DATA_ROW_INVALID', '"context" would change what is learned'],
    [{ prompt: 'a', input: 'c', output: 'b' }, 'DATA_ROW_INVALID', 'put it into "prompt"'],
    [{ input: 'a', output: 'b', system: 's' }, 'DATA_ROW_INVALID', '"system" would change what is learned'],
    [{ query: 'a', response: 'b', history: [['a', 'b']] }, 'DATA_ROW_INVALID', '"history" would change'],
    [{ messages: [asked], system_prompt: 's' }, 'DATA_ROW_INVALID', 'call it "system"'],
    [{ messages: [asked], Tools: [{ name: 'f' }] }, 'DATA_ROW_UNKNOWN', 'Did you mean "tools"?'],
    [{ messages: [asked], tool: [{ name: 'f' }] }, 'DATA_ROW_UNKNOWN', 'Did you mean "tools"?'],
    [{ messages: [asked], train: false }, 'DATA_ROW_INVALID', 'leave rows out'],
    [{ messages: [asked], loss: 0 }, 'DATA_ROW_INVALID', 'leave rows out'],
    [{ messages: [asked], train_on_turn: [false] }, 'DATA_ROW_INVALID', 'give a weight to single messages'],
    [{ input_ids: [1, 2], loss_weights: [0, 1] }, 'DATA_ROW_INVALID', 'give "labels" beside "input_ids"'],
    [{ messages: [asked], images: ['x'] }, 'DATA_ROW_INVALID', 'only text is read'],
    [{ text: 'a', chat_template_kwargs: { thinking: true } }, 'DATA_ROW_INVALID', 'chat_template_kwargs'],
    [
      { messages: [asked], chat_template_kwargs: { messages: [] } },
      'DATA_ROW_INVALID',
      'chat_template_kwargs.messages',
    ],
    [{ conversations: [] }, 'DATA_ROW_INVALID', 'at least one turn'],
    [{ conversations: [{ from: 'narrator', value: 'x' }] }, 'DATA_ROW_INVALID', 'conversations[0].from: system'],
    [{ conversations: [{ from: 'gpt', value: 5 }], system: 's' }, 'DATA_ROW_INVALID', 'conversations[0].value: a text'],
    [{ instruction: 'a', output: 'b', history: ['x'] }, 'DATA_ROW_INVALID', 'history[0] must be a question'],
    [{ instruction: 'a', output: 5 }, 'DATA_ROW_INVALID', '"output" must be a string'],
    [{ input_ids: [1, 2], attention_mask: [1, 0] }, 'DATA_ROW_INVALID', '"attention_mask" leaves tokens out'],
    [{ input_ids: [] }, 'DATA_ROW_INVALID', 'at least one integer, got an empty list'],
    [{ input_ids: [1, 2.5] }, 'DATA_ROW_INVALID', 'input_ids[1] must be an integer, got 2.5'],
    [{ input_ids: [1, '2'] }, 'DATA_ROW_INVALID', 'input_ids[1] must be an integer, got "2"'],
    [{ input_ids: [1, 2], labels: [1] }, 'DATA_ROW_INVALID', 'it has 1 labels for 2 input_ids'],
    [{ input_ids: [1], labels: 1 }, 'DATA_ROW_INVALID', '"labels" must be a list'],
  ])('refuses %j with its place and a reason', (row, code, problem) => {
    expect(() => parseRow(row, place)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(/^data\.jsonl, line 7: /) }),
    );
    expect(() => parseRow(row, place)).toThrow(problem);
  });
});
