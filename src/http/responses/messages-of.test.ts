import { describe, expect, it } from 'vitest';
import type { FunctionCallItem, FunctionOutputItem, Item, MessageItem, ReasoningItem } from './items.ts';
import { findOrphan } from './check-calls.ts';
import { messagesOf } from './messages-of.ts';

const said = (role: MessageItem['role'], ...texts: string[]): MessageItem => ({
  type: 'message',
  id: 'm',
  role,
  status: 'completed',
  content: texts.map((text) => ({ type: 'input_text', text })),
});
const call = (id: string): FunctionCallItem => ({
  type: 'function_call',
  id: `fc_${id}`,
  call_id: id,
  name: 'f',
  arguments: '{"n":1}',
  status: 'completed',
});
const result = (id: string, output: FunctionOutputItem['output'] = 'ok'): FunctionOutputItem => ({
  type: 'function_call_output',
  id: 'fco',
  call_id: id,
  output,
  status: 'completed',
});
const thought = (text: string, summary: string[] = []): ReasoningItem => ({
  type: 'reasoning',
  id: 'rs',
  summary: summary.map((one) => ({ type: 'summary_text', text: one })),
  content: text === '' ? [] : [{ type: 'reasoning_text', text }],
  status: 'completed',
});

const called = (...ids: string[]): object => ({
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{"n":1}' } })),
});

describe('messagesOf', () => {
  it.each<[what: string, items: Item[], messages: object[], places: number[]]>([
    [
      'roles and parts',
      [said('developer', 'a'), said('user', 'b', 'c'), said('assistant', 'd')],
      [
        { role: 'developer', content: 'a' },
        { role: 'user', content: 'bc' },
        { role: 'assistant', content: 'd' },
      ],
      [0, 1, 2],
    ],
    [
      'a turn of thoughts, words and calls',
      [said('user', 'a'), thought('hm'), said('assistant', 'b'), call('1'), call('2'), result('1'), result('2')],
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b', reasoning_content: 'hm', ...called('1', '2') },
        { role: 'tool', tool_call_id: '1', content: 'ok' },
        { role: 'tool', tool_call_id: '2', content: 'ok' },
      ],
      [0, 1, 5, 6],
    ],
    [
      'calls one after the other',
      [call('1'), result('1', [{ type: 'input_text', text: 'x' }]), call('2'), result('2')],
      [
        { role: 'assistant', content: null, ...called('1') },
        { role: 'tool', tool_call_id: '1', content: 'x' },
        { role: 'assistant', content: null, ...called('2') },
        { role: 'tool', tool_call_id: '2', content: 'ok' },
      ],
      [0, 1, 2, 3],
    ],
    [
      'two turns in a row',
      [said('assistant', 'a'), said('assistant', 'b'), call('1'), thought('hm'), said('assistant', 'c')],
      [
        { role: 'assistant', content: 'a' },
        { role: 'assistant', content: 'b', ...called('1') },
        { role: 'assistant', content: 'c', reasoning_content: 'hm' },
      ],
      [0, 1, 3],
    ],
    [
      'thoughts that were cut, and summaries in their place',
      [thought('hm'), said('user', 'a'), thought('', ['x', 'y']), said('user', 'b'), thought('')],
      [
        { role: 'assistant', content: '', reasoning_content: 'hm' },
        { role: 'user', content: 'a' },
        { role: 'assistant', content: '', reasoning_content: 'xy' },
        { role: 'user', content: 'b' },
      ],
      [0, 1, 2, 3],
    ],
  ])('translates %s', (_, items, messages, places) => {
    expect(messagesOf(items)).toEqual({ messages, places });
  });

  it('reads a refusal as words', () => {
    const refused: MessageItem = { ...said('assistant'), content: [{ type: 'refusal', refusal: 'no' }] };
    expect(messagesOf([refused]).messages).toEqual([{ role: 'assistant', content: 'no' }]);
  });
});

describe('findOrphan', () => {
  it('finds a result whose call is not there, or comes later', () => {
    expect(findOrphan([call('1'), result('1'), result('1')])).toBeUndefined();
    expect(findOrphan([said('user', 'a'), result('1')])?.place).toBe('[1].call_id');
    expect(findOrphan([result('1'), call('1')])?.problem).toContain(
      'no item before it calls a function with this id ("1")',
    );
  });
});
