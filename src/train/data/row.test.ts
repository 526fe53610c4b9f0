import { describe, expect, it } from 'vitest';

import { parseRow } from './row.ts';

const place = { path: 'data.jsonl', line: 7 };

describe('parseRow', () => {
  it.each([
    [{ text: 'a' }, { kind: 'text', text: 'a' }],
    [
      { speaker: 'Anna', text: 'a' },
      { kind: 'text', text: 'a' },
    ],
    [
      { prompt: 'a', completion: 'b', source: 1 },
      { kind: 'completion', prompt: 'a', completion: 'b' },
    ],
    [{ input_ids: [1, 2] }, { kind: 'tokens', inputIds: [1, 2] }],
    [
      { input_ids: [1, 2], labels: [-100, 2], attention_mask: [1, 1] },
      { kind: 'tokens', inputIds: [1, 2], labels: [-100, 2] },
    ],
    [
      { messages: [{ role: 'user', content: '' }] },
      { kind: 'messages', messages: [{ role: 'user', content: '' }], learned: [undefined] },
    ],
    [
      { messages: [{ role: 'assistant', content: 'a', weight: 0 }], tools: [{ name: 'f' }], functions: [] },
      {
        kind: 'messages',
        messages: [{ role: 'assistant', content: 'a' }],
        learned: [false],
        tools: [{ name: 'f' }],
      },
    ],
    [
      { prompt: 'unused', text: 'a' },
      { kind: 'text', text: 'a' },
    ],
  ])('understands %j, whatever else stands beside', (row, expected) => {
    expect(parseRow(row, place)).toEqual(expected);
  });

  it.each([
    [{ tetx: 'a' }, 'DATA_ROW_UNKNOWN', 'unknown key "tetx". Did you mean "text"?'],
    [{ message: [] }, 'DATA_ROW_UNKNOWN', 'Did you mean "messages"?'],
    [{ prompt: 'a' }, 'DATA_ROW_UNKNOWN', 'it has "prompt" but no "completion".'],
    [{ completion: 'a' }, 'DATA_ROW_UNKNOWN', 'it has "completion" but no "prompt".'],
    [{ instruction: 'a', response: 'b' }, 'DATA_ROW_UNKNOWN', 'it has "instruction", "response" only.'],
    [{}, 'DATA_ROW_UNKNOWN', 'an empty object'],
    [{ text: 'a', input_ids: [1] }, 'DATA_ROW_UNKNOWN', 'several kinds at once (text, tokens)'],
    [{ input_ids: [1], label: [1] }, 'DATA_ROW_UNKNOWN', 'unknown key "label". Did you mean "labels"?'],
    ['hello', 'DATA_ROW_INVALID', 'expected a JSON object, got "hello"'],
    [[1], 'DATA_ROW_INVALID', 'expected a JSON object, got a list'],
    [null, 'DATA_ROW_INVALID', 'got null'],
    [{ text: 5 }, 'DATA_ROW_INVALID', '"text" must be a string, got 5'],
    [{ prompt: 'a', completion: null }, 'DATA_ROW_INVALID', '"completion" must be a string, got null'],
    [{ messages: [] }, 'DATA_ROW_INVALID', 'at least one message, got an empty list'],
    [{ messages: ['hi'] }, 'DATA_ROW_INVALID', 'messages[0]: a message is an object'],
    [
      { messages: [{ role: 'user', contents: 'x' }] },
      'DATA_ROW_INVALID',
      'messages[0].contents: no such field is known; did you mean "content"?',
    ],
    [
      { messages: [{ role: 'user', content: ['x'] }] },
      'DATA_ROW_INVALID',
      'messages[0].content[0]: {"type": "text", "text": ...} is expected, got "x"',
    ],
    [
      { messages: [{ role: 'user', content: 'x' }], tools: [{ name: 'f' }], functions: [{ name: 'f' }] },
      'DATA_ROW_INVALID',
      'functions: the row has "tools" too',
    ],
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
