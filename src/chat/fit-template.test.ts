import { describe, expect, it } from 'vitest';
import { createTokenizer, type ChatMessage } from '../tokenizer/index.ts';
import { byteLevelFiles } from '../tokenizer/testing/tiny-tokenizers.ts';
import { FieldProblem } from './field-problem.ts';
import { fitToTemplate, type Conversation } from './fit-template.ts';

const user: ChatMessage = { role: 'user', content: 'hi' };
const text = '{"n":  1}';
const callWith = (given: string | Readonly<Record<string, unknown>>): ChatMessage => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ type: 'function', function: { name: 'lock', arguments: given } }],
});
const result: ChatMessage = { role: 'tool', content: 'ok' };

function rendered(chatTemplate: string, conversation: Conversation): string | FieldProblem {
  const tokenizer = createTokenizer(byteLevelFiles({ chatTemplate }));
  const fitted = fitToTemplate(conversation, tokenizer);
  if (fitted instanceof FieldProblem) return fitted;
  return tokenizer.renderChat(fitted.messages, { addGenerationPrompt: false, tools: fitted.tools });
}

const withCalls = (words: string): string =>
  `{% for m in messages %}<{{ m.role }}>{% if m.content %}{{ m.content }}{% endif %}{% for c in m.tool_calls or [] %}{{ ${words} }}{% endfor %}{% endfor %}`;
const writesText = withCalls('c.function.name + " " + c.function.arguments');
const writesJson = withCalls('c.function.name + " " + (c.function.arguments | tojson)');
const writesEither = `{% for m in messages %}<{{ m.role }}>{{ m.content or "" }}{% for c in m.tool_calls or [] %}{{ c.function.name + " " }}{% if c.function.arguments is string %}{{ c.function.arguments }}{% else %}{{ c.function.arguments | tojson }}{% endif %}{% endfor %}{% endfor %}`;

describe('the arguments of a call', () => {
  it.each([
    ['a template that writes texts', writesText, text, '{"n":  1}'],
    ['a template that writes texts', writesText, { n: 1 }, '{"n": 1}'],
    ['a template that writes JSON', writesJson, text, '{"n": 1}'],
    ['a template that writes JSON', writesJson, { n: 1 }, '{"n": 1}'],
    ['a template that tells them apart', writesEither, text, '{"n":  1}'],
    ['a template that tells them apart', writesEither, { n: 1 }, '{"n": 1}'],
  ])('are never quoted twice: %s', (_, template, given, written) => {
    const conversation = { messages: [user, callWith(given), result] };
    expect(rendered(template, conversation)).toBe(`<user>hi<assistant>lock ${written}<tool>ok`);
  });
});

describe('a message without a content', () => {
  const conversation = { messages: [user, callWith(text)] };

  it('stays without one for a template that asks for that', () => {
    const asks = `{% for m in messages %}{% if m.content is none %}{{ m.tool_calls[0].function.name }}{% else %}{{ m.content }}{% endif %}{% endfor %}`;
    expect(rendered(asks, conversation)).toBe('hilock');
  });

  it('has an empty one for a template that would write the word for nothing', () => {
    const plain = `{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{% endfor %}`;
    expect(rendered(plain, conversation)).toBe('hilock');
  });
});

it('gives parts to a template that reads nothing else', () => {
  const parts = `{% for m in messages %}{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}`;
  expect(rendered(parts, { messages: [user] })).toBe('hi');
});

describe('what the template leaves out is refused', () => {
  const contents = '{% for m in messages %}{{ m.content or "" }}{% endfor %}';
  const usersOnly =
    '{% for m in messages %}{% if m.role != "tool" %}{{ m.content or m.tool_calls[0].function.name }}{% endif %}{% endfor %}';

  it.each([
    ['tools', contents, { messages: [user], tools: [{ name: 'f' }] }, 'tools', 'writes no tools'],
    ['calls', contents, { messages: [user, callWith(text)] }, 'messages[1].tool_calls', 'writes no calls of tools'],
    ['results', usersOnly, { messages: [user, callWith(text), result] }, 'messages[2].role', 'writes no results'],
  ])('%s', (_, template, conversation, place, problem) => {
    const fitted = rendered(template, conversation);
    expect(fitted).toBeInstanceOf(FieldProblem);
    expect(fitted).toMatchObject({ place, problem: expect.stringContaining(problem) as string });
  });

  it('but a template that refuses them says so itself', () => {
    const refuses = `{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{% endfor %}`;
    expect(() => rendered(refuses, { messages: [user, callWith(text), result] })).toThrow('no tools here');
  });
});

describe('what is learned or asked for and not written is refused', () => {
  const plain = '{% for m in messages %}{{ m.content }}{% endfor %}';
  const thinks = '{% for m in messages %}{{ m.reasoning_content }}{{ m.content }}{% endfor %}';
  const asked =
    '{% for m in messages %}{% if enable_thinking %}{{ m.thinking }}{% endif %}{{ m.content }}{% endfor %}{% for d in documents or [] %}{{ d.text }}{% endfor %}';
  const answer = (fields: object): ChatMessage => ({ role: 'assistant', content: 'yes', ...fields });

  it.each([
    [plain, { reasoning_content: 'why' }, true, 'messages[1].reasoning_content'],
    [plain, { reasoning: 'why' }, true, 'messages[1].reasoning'],
    [plain, { reasoning: 'why' }, false, undefined],
    [plain, { reasoning_content: ' ', thinking: true }, true, undefined],
    [thinks, { reasoning_content: 'why', reasoning: 'why' }, true, undefined],
    [thinks, { thinking: 'why' }, true, 'messages[1].thinking'],
    [asked, { thinking: 'why' }, true, undefined],
  ])('thoughts: %s %j', (chatTemplate, fields, learned, place) => {
    const tokenizer = createTokenizer(byteLevelFiles({ chatTemplate }));
    const fitted = fitToTemplate({ messages: [user, answer(fields)] }, tokenizer, { isLearned: () => learned });
    expect(fitted instanceof FieldProblem ? fitted.place : undefined).toBe(place);
  });

  it.each([
    [plain, [{ text: 'x' }], 'documents'],
    [plain, [], undefined],
    [asked, [{ text: 'x' }], undefined],
  ])('documents: %s %j', (chatTemplate, documents, place) => {
    const fitted = fitToTemplate({ messages: [user] }, createTokenizer(byteLevelFiles({ chatTemplate })), {
      documents,
    });
    expect(fitted instanceof FieldProblem ? fitted.place : undefined).toBe(place);
  });
});

describe('a template that writes the ids of calls in place of their names', () => {
  const template = `{% for m in messages %}<{{ m.role }}>{{ m.content or "" }}{% for c in m.tool_calls or [] %}{{ c.id }}|{{ c.function.arguments }}{% endfor %}{% if m.role == "tool" %}to {{ m.tool_call_id }}{% endif %}{% endfor %}`;
  const call = (id: string, name: string) => ({ id, type: 'function', function: { name, arguments: '{}' } }) as const;

  it('gets ids that name and count the calls, also for their results', () => {
    const messages: readonly ChatMessage[] = [
      user,
      { role: 'assistant', content: null, tool_calls: [call('call_a', 'lock'), call('call_b', 'open')] },
      { role: 'tool', tool_call_id: 'call_b', content: 'B' },
      { role: 'tool', tool_call_id: 'call_a', content: 'A' },
      { role: 'assistant', content: null, tool_calls: [call('call_c', 'lock')] },
    ];
    expect(rendered(template, { messages })).toBe(
      '<user>hi<assistant>functions.lock:0|{}functions.open:1|{}<tool>Bto functions.open:1<tool>Ato functions.lock:0<assistant>functions.lock:2|{}',
    );
  });

  it('is told apart from one that writes the name beside the id', () => {
    const both = template.replace('{{ c.id }}', '{{ c.id }} {{ c.function.name }}');
    const messages: readonly ChatMessage[] = [
      user,
      { role: 'assistant', content: null, tool_calls: [call('call_a', 'lock')] },
    ];
    expect(rendered(both, { messages })).toBe('<user>hi<assistant>call_a lock|{}');
  });
});
