import { describe, expect, it } from 'vitest';
import { FieldProblem } from '../../chat/index.ts';
import { readConversation, readSystem, type ReadConversation } from './read-conversation.ts';
import { readMessageTools } from './read-message-tools.ts';

const call = { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bern', days: [1, 2] } };
const called = { id: 'toolu_1', type: 'function', function: { name: 'weather', arguments: call.input } };
const text = (words: string): object => ({ type: 'text', text: words });
const result = (content: unknown, more: object = {}): object => ({
  type: 'tool_result',
  tool_use_id: 'toolu_1',
  content,
  ...more,
});

function read(messages: unknown, system?: string): ReadConversation {
  const found = readConversation(messages, system);
  if (found instanceof FieldProblem) throw new Error(`${found.path.join('.')}: ${found.problem}`);
  return found;
}

function problemOf(found: unknown): string {
  return found instanceof FieldProblem ? `${found.path.join('.')}: ${found.problem}` : 'none';
}

describe('a conversation', () => {
  it('has texts, thoughts, calls of tools and their results in the form that templates read', () => {
    const { messages, places } = read(
      [
        { role: 'user', content: 'Will it rain?' },
        {
          role: 'assistant',
          content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }, text('Let me '), text('see.'), call],
        },
        { role: 'user', content: [result([text('dry'), text(' and warm')]), text('So?')] },
      ],
      'Be brief.',
    );
    expect(messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Will it rain?' },
      { role: 'assistant', content: 'Let me see.', reasoning_content: 'Hm.', tool_calls: [called] },
      { role: 'tool', tool_call_id: 'toolu_1', content: 'dry and warm' },
      { role: 'user', content: 'So?' },
    ]);
    expect(places.map((place) => place.join('.'))).toEqual([
      'system',
      'messages.0',
      'messages.1',
      'messages.2.content.0',
      'messages.2',
    ]);
  });

  it('joins turns of one role, but no results', () => {
    const { messages } = read([
      { role: 'user', content: 'a' },
      { role: 'user', content: 'b' },
      { role: 'assistant', content: [call] },
      { role: 'assistant', content: 'c' },
      { role: 'user', content: [result('1'), result('2')] },
    ]);
    expect(messages).toEqual([
      { role: 'user', content: 'a\n\nb' },
      { role: 'assistant', content: 'c', tool_calls: [called] },
      { role: 'tool', tool_call_id: 'toolu_1', content: '1' },
      { role: 'tool', tool_call_id: 'toolu_1', content: '2' },
    ]);
  });

  it('has instructions in its middle, too', () => {
    const { messages } = read([
      { role: 'user', content: 'a' },
      { role: 'system', content: [text('Be '), text('kind.')] },
    ]);
    expect(messages).toEqual([
      { role: 'user', content: 'a' },
      { role: 'system', content: 'Be kind.' },
    ]);
  });

  it('marks results that are errors, once', () => {
    const contentOf = (content: unknown): unknown =>
      read([{ role: 'user', content: [result(content, { is_error: true })] }]).messages[0]?.content;
    expect([contentOf('no such city'), contentOf('Error: no such city'), contentOf(undefined)]).toEqual([
      'Error: no such city',
      'Error: no such city',
      'Error: ',
    ]);
  });

  it.each<[unknown, string]>([
    [[], 'a list of at least one message is expected'],
    [['x'], '0: a message is an object'],
    [[{ role: 'tool', content: 'x' }], '0.role: user, assistant or system is expected, got "tool"'],
    [[{ role: 'user' }], '0.content: a text or a list of content blocks is expected, got nothing'],
    [[{ role: 'user', content: [{ type: 'image', source: {} }] }], '0.content.0.type: images are not read'],
    [[{ role: 'user', content: [{ type: 'document', source: {} }] }], '0.content.0.type: documents are not read'],
    [[{ role: 'user', content: [result([{ type: 'image' }])] }], '0.content.0.content.0.type: images are not read'],
    [[{ role: 'user', content: [call] }], '0.content.0.type: a block of type text or tool_result is expected'],
    [[{ role: 'user', content: [{ type: 'text', text: 1 }] }], '0.content.0.text: a text is expected, got 1'],
    [[{ role: 'assistant', content: [{ ...call, input: '{}' }] }], '0.content.0.input: an object is expected'],
    [[{ role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x' }] }], '0.content.0.type: only the server'],
    [
      [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
      '1.role: the last message is of the',
    ],
  ])('is refused: %j', (messages, problem) => {
    expect(problemOf(readConversation(messages, undefined))).toContain(problem);
  });
});

describe('system', () => {
  it('is a text, or blocks of text in a row', () => {
    expect(readSystem([{ ...text('Be '), cache_control: { type: 'ephemeral' } }, text('brief.')])).toBe('Be brief.');
    expect([readSystem('Be brief.'), readSystem(''), readSystem(null)]).toEqual(['Be brief.', undefined, undefined]);
  });
});

describe('tools', () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } } };

  it('have the form that templates read', () => {
    expect(readMessageTools([{ name: 'weather', description: 'Says it.', input_schema: schema }])).toEqual([
      { type: 'function', function: { name: 'weather', description: 'Says it.', parameters: schema } },
    ]);
    const strict = { type: 'function', function: { name: 'x', parameters: schema, strict: true } };
    expect(readMessageTools([{ name: 'x', input_schema: schema, strict: true }])).toEqual([strict]);
    expect(readMessageTools([])).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [{}, 'a list of tools is expected'],
    [[{ name: 'x' }], '0.input_schema: a JSON schema is expected'],
    [[{ input_schema: schema }], '0.name: the name of a tool is expected'],
    [[{ type: 'web_search_20250305', name: 'web_search' }], '0.type: tools of the server are not there'],
    [[{ name: 'x', strict: 'yes', input_schema: schema }], '0.strict: true or false is expected'],
    [[{ name: 'x', description: 1, input_schema: schema }], '0.description: a text is expected'],
  ])('are refused: %j', (tools, problem) => {
    expect(problemOf(readMessageTools(tools))).toContain(problem);
  });
});
