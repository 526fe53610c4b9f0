import { describe, expect, it } from 'vitest';
import { FieldProblem } from './field-problem.ts';
import { readMessages } from './read-messages.ts';

const user = { role: 'user', content: 'hi' };
const call = { id: 'c1', type: 'function', function: { name: 'lock', arguments: '{"n": 1}' } } as const;

describe('readMessages', () => {
  it.each([
    ['a text', [user], [user]],
    [
      'parts',
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a ' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
      [{ role: 'user', content: 'a b' }],
    ],
    ['developer', [{ role: 'developer', content: 'x' }], [{ role: 'system', content: 'x' }]],
    [
      'calls without content',
      [{ role: 'assistant', tool_calls: [call] }],
      [{ role: 'assistant', content: null, tool_calls: [call] }],
    ],
    [
      'calls and a content',
      [{ role: 'assistant', content: 'so', tool_calls: [call] }],
      [{ role: 'assistant', content: 'so', tool_calls: [call] }],
    ],
    [
      'a result',
      [{ role: 'tool', tool_call_id: 'c1', content: 'ok' }],
      [{ role: 'tool', tool_call_id: 'c1', content: 'ok' }],
    ],
    [
      'the older names',
      [
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: '1' },
      ],
      [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', name: 'f', content: '1' },
      ],
    ],
    [
      'a call that is not nested, with an object',
      [{ role: 'assistant', content: null, tool_calls: [{ name: 'f', arguments: { a: 1 } }] }],
      [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ type: 'function', function: { name: 'f', arguments: { a: 1 } } }],
        },
      ],
    ],
    [
      'what an answer of the API carries, and null for absent',
      [{ role: 'assistant', content: 'a', refusal: null, audio: null, annotations: [], tool_calls: null, name: null }],
      [{ role: 'assistant', content: 'a' }],
    ],
    [
      'an empty list of calls',
      [{ role: 'assistant', content: 'a', tool_calls: [] }],
      [{ role: 'assistant', content: 'a' }],
    ],
    [
      'names and thoughts',
      [{ ...user, name: 'Ann', reasoning_content: 't' }],
      [{ ...user, name: 'Ann', reasoning_content: 't' }],
    ],
  ])('reads %s', (_, value, messages) => {
    expect(readMessages(value)).toMatchObject({ messages, unknown: [] });
    expect(readMessages(value)).toEqual(expect.objectContaining({ messages }));
  });

  it('keeps the order of the fields of a call, since a template may write it whole', () => {
    const turned = { type: 'function', function: { arguments: '{}', description: 'x', name: 'f' }, id: 'c' };
    const read = readMessages([{ role: 'assistant', tool_calls: [turned] }]);
    expect(JSON.stringify(read instanceof FieldProblem ? read : read.messages[0]?.tool_calls)).toBe(
      JSON.stringify([turned]),
    );
  });

  it('gives fields that it does not know to the template, and names them once', () => {
    const messages = [
      { ...user, mood: 'glad' },
      { ...user, mood: 'sad' },
    ];
    expect(readMessages(messages)).toEqual({ messages, learned: [undefined, undefined], unknown: ['mood'] });
  });

  it.each([
    [{ weight: 0 }, false],
    [{ weight: 1 }, true],
    [{ train: false }, false],
    [{ loss: true }, true],
    [{ weight: null }, undefined],
    [{ training: false }, false],
    [{ trainable: 0 }, false],
    [{ loss_weight: 0 }, false],
    [{ weight: 0, train: false }, false],
  ])('reads whether a message is learned, and leaves it out of the message: %j', (fields, learned) => {
    const message = { role: 'assistant', content: 'a' };
    expect(readMessages([{ ...message, ...fields }])).toEqual({ messages: [message], learned: [learned], unknown: [] });
  });

  it('takes a weight of 0 for what is not learned anyway', () => {
    expect(readMessages([{ ...user, weight: 0 }])).toMatchObject({ messages: [user], learned: [false] });
  });
});

describe('readMessages refuses, with the place and what was expected', () => {
  it.each([
    ['x', '', 'a list of at least one message, got "x"'],
    [[], '', 'got an empty list'],
    [['hi'], '[0]', 'a message is an object, got "hi"'],
    [[user, { role: 'human', content: 'x' }], '[1].role', 'got "human" (did you mean "user"?)'],
    [[{ role: 'asistant', content: 'x' }], '[0].role', 'did you mean "assistant"?'],
    [[{ content: 'x' }], '[0].role', 'got nothing'],
    [[{ role: 'user', contents: 'x' }], '[0].contents', 'did you mean "content"?'],
    [[{ role: 'assistant', content: 'x', weigth: 0 }], '[0].weigth', 'did you mean "weight"?'],
    [
      [{ role: 'user', content: null }],
      '[0].content',
      'a text is expected, got null; only an assistant that calls tools',
    ],
    [[{ role: 'assistant', content: null }], '[0].content', 'only an assistant that calls tools'],
    [[{ role: 'user', content: 5 }], '[0].content', 'got 5'],
    [[{ role: 'user', content: [] }], '[0].content', 'an empty list'],
    [[{ role: 'user', content: ['x'] }], '[0].content[0]', 'got "x"'],
    [
      [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }],
      '[0].content[0]',
      'images, audio and files are not read',
    ],
    [[{ ...user, tool_calls: [call] }], '[0].tool_calls', 'only an assistant calls tools, not user'],
    [[{ role: 'assistant', tool_calls: 'x' }], '[0].tool_calls', 'a list of tool calls'],
    [[{ role: 'assistant', tool_calls: [{ type: 'custom' }] }], '[0].tool_calls[0].type', '"function" is expected'],
    [
      [{ role: 'assistant', tool_calls: [{ function: {} }] }],
      '[0].tool_calls[0].function.name',
      'the name of a function',
    ],
    [
      [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{"a' } }] }],
      '[0].tool_calls[0].function.arguments',
      'an object, or its JSON as a text',
    ],
    [[{ role: 'assistant', function_call: { arguments: '{}' } }], '[0].function_call.name', 'the name of a function'],
    [[{ role: 'assistant', content: 'a', weight: 0.5 }], '[0].weight', '0 or 1 is expected'],
    [[{ role: 'assistant', content: 'a', train: 'no' }], '[0].train', '0 or 1 is expected'],
    [[{ ...user, weight: 1 }], '[0].weight', 'only messages of the assistant are learned'],
    [[{ role: 'assistant', content: 'a', weight: 1, loss: 0 }], '[0].loss', 'it contradicts "weight"'],
    [[{ role: 'assistant', content: 'a', train_detail: [{}] }], '[0].train_detail', 'whole messages are learned'],
    [
      [{ role: 'assistant', content: [{ type: 'text', text: 'a', weight: 0 }] }],
      '[0].content[0].weight',
      'whole messages are learned',
    ],
    [[{ role: 'assistant', content: null, refusal: 'I cannot' }], '[0].refusal', 'give its words as "content"'],
    [[{ role: 'assistant', content: 'a', audio: { id: 'x' } }], '[0].audio', 'audio is not read'],
  ])('%j', (value, place, problem) => {
    const read = readMessages(value);
    expect(read).toBeInstanceOf(FieldProblem);
    if (!(read instanceof FieldProblem)) return;
    expect([read.place, read.problem]).toEqual([place, expect.stringContaining(problem)]);
  });

  it('more messages or parts than it may take', () => {
    expect(readMessages([user, user], { maxMessages: 1 })).toBeInstanceOf(FieldProblem);
    const part = { type: 'text', text: 'x' };
    expect(readMessages([{ role: 'user', content: [part, part] }], { maxParts: 1 })).toBeInstanceOf(FieldProblem);
    expect(readMessages([{ role: 'user', content: [part, part] }], { maxParts: 2 })).not.toBeInstanceOf(FieldProblem);
  });
});
