import { describe, expect, it } from 'vitest';
import { FieldProblem } from '../../chat/index.ts';
import { carryThoughts } from './carried-thoughts.ts';
import { readInput } from './read-input.ts';

const anyId = expect.stringMatching(/^(msg|fc|fco|rs)_[0-9a-f]{32}$/) as string;

describe('readInput', () => {
  it('takes a text as a message of the user', () => {
    expect(readInput('hi')).toEqual([
      { type: 'message', id: anyId, role: 'user', status: 'completed', content: [{ type: 'input_text', text: 'hi' }] },
    ]);
  });

  it.each<[what: string, item: object, read: object]>([
    [
      'a message without a type',
      { role: 'developer', content: 'be brief' },
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'be brief' }] },
    ],
    [
      'a message of the assistant as a text',
      { role: 'assistant', content: 'yes' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'yes', annotations: [] }] },
    ],
    [
      'an answer as it came',
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        phase: null,
        content: [
          { type: 'output_text', text: 'yes', annotations: [{}], logprobs: [] },
          { type: 'refusal', refusal: 'no' },
        ],
      },
      {
        id: 'msg_1',
        content: [
          { type: 'output_text', text: 'yes', annotations: [] },
          { type: 'refusal', refusal: 'no' },
        ],
      },
    ],
    [
      'a call',
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}', status: 'completed', namespace: null },
      { id: anyId, type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}', status: 'completed' },
    ],
    [
      'a result as a text',
      { type: 'function_call_output', call_id: 'c1', output: '20' },
      { id: anyId, type: 'function_call_output', call_id: 'c1', output: '20', status: 'completed' },
    ],
    [
      'a result in parts',
      { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: '20' }] },
      { output: [{ type: 'input_text', text: '20' }] },
    ],
    [
      'thoughts',
      { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }] },
      { id: anyId, summary: [], content: [{ type: 'reasoning_text', text: 'hm' }] },
    ],
    [
      'thoughts of a client that keeps what it does not read',
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: carryThoughts('hm … 🌱') },
      {
        id: 'rs_1',
        content: [{ type: 'reasoning_text', text: 'hm … 🌱' }],
        encrypted_content: carryThoughts('hm … 🌱'),
      },
    ],
    ['a reference', { type: 'item_reference', id: 'msg_1' }, { type: 'item_reference', id: 'msg_1' }],
    ['a reference without a type', { id: 'msg_1' }, { type: 'item_reference', id: 'msg_1' }],
  ])('takes %s', (_, item, read) => {
    expect(readInput([item])).toEqual([expect.objectContaining(read)]);
  });

  it.each<[input: unknown, place: string, problem: string]>([
    [undefined, '', 'a text or a list of items is expected, got nothing'],
    [[], '', 'got an empty list'],
    [Array.from({ length: 1025 }, () => ({})), '', '1025 items came, and at most 1024 are taken'],
    [[3], '[0]', 'an item is an object, got 3'],
    [[{ type: 'web_search_call' }], '[0].type', 'got "web_search_call"; no tools but functions are known here'],
    [[{ type: 'constructor' }], '[0].type', 'got "constructor"'],
    [[{ content: 'x' }], '[0].type', 'got nothing'],
    [[{ role: 'tool', content: 'x' }], '[0].role', 'function_call_output'],
    [[{ role: 'human', content: 'x' }], '[0].role', '"user" or "assistant" or "system" or "developer" is expected'],
    [[{ role: 'user', content: 3 }], '[0].content', 'a text or a list of parts is expected, got 3'],
    [[{ role: 'user', content: [{ type: 'text', text: 'x' }] }], '[0].content[0].type', 'input_text'],
    [[{ role: 'user', content: [{ type: 'input_image' }] }], '[0].content[0].type', 'images are not read here'],
    [[{ role: 'user', content: [{ type: 'input_file' }] }], '[0].content[0].type', 'files are not read here'],
    [[{ role: 'user', content: [{ type: 'input_audio' }] }], '[0].content[0].type', 'audio are not read here'],
    [[{ role: 'user', content: Array.from({ length: 257 }, () => ({})) }], '[0].content', '257 parts came'],
    [[{ role: 'user', id: '', content: 'x' }], '[0].id', 'at least 1 character'],
    [[{ type: 'function_call', name: 'f', arguments: '{}' }], '[0].call_id', 'a text is expected'],
    [[{ type: 'function_call', call_id: 'c', name: 'f', arguments: {} }], '[0].arguments', 'a text is expected'],
    [[{ type: 'function_call_output', call_id: 'c', output: 3 }], '[0].output', 'got 3'],
    [
      [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'output_text', text: 'x' }] }],
      '[0].output[0].type',
      'input_text is expected, got "output_text"',
    ],
    [[{ type: 'reasoning', encrypted_content: 'gAAAAA' }], '[0].encrypted_content', 'made by another server'],
    [
      [{ type: 'reasoning', encrypted_content: carryThoughts('long enough').slice(0, -3) }],
      '[0].encrypted_content',
      'made by another server',
    ],
    [[{ type: 'item_reference' }], '[0].id', 'a text is expected'],
  ])('refuses %j', (input, place, problem) => {
    const read = readInput(input);
    expect(read).toBeInstanceOf(FieldProblem);
    expect(read).toMatchObject({ place, problem: expect.stringContaining(problem) as string });
  });
});
