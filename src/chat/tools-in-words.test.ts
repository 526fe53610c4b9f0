import { describe, expect, it } from 'vitest';
import { createTokenizer, type ChatMessage, type Tokenizer } from '../tokenizer/index.ts';
import { byteLevelFiles } from '../tokenizer/testing/tiny-tokenizers.ts';
import { findAnswerForm } from './answers/find-answer-form.ts';
import { knownCallForms } from './answers/known-forms.ts';
import { FieldProblem } from './field-problem.ts';
import { fitToTemplate, type Conversation } from './fit-template.ts';
import { toolsInWords } from './tools-in-words.ts';

const plain = '{% for m in messages %}[{{ m.role }}]{{ m.content or "" }}{% endfor %}';
const withoutSystem = `{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}[{{ m.role }}]{{ m.content or "" }}{% endfor %}`;
const usersOnly = `{% for m in messages %}{% if m.role in ['user', 'assistant', 'system'] %}[{{ m.role }}]{{ m.content or "" }}{% endif %}{% endfor %}`;
const withTools = `{% for t in tools or [] %}{{ t.function.name }};{% endfor %}{% for m in messages %}[{{ m.role }}]{{ m.content or "" }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}`;

const user: ChatMessage = { role: 'user', content: 'Rate?' };
const tools = [{ type: 'function', function: { name: 'rate', parameters: { type: 'object' } } }];
const call: ChatMessage = {
  role: 'assistant',
  content: null,
  tool_calls: [{ id: '1', type: 'function', function: { name: 'rate', arguments: '{"c":  "EUR"}' } }],
};
const result: ChatMessage = { role: 'tool', tool_call_id: '1', content: '7' };

function tokenizerOf(chatTemplate: string): Tokenizer {
  return createTokenizer(byteLevelFiles({ chatTemplate }));
}

function rendered(template: string, conversation: Conversation): string {
  const tokenizer = tokenizerOf(template);
  const fitted = fitToTemplate(toolsInWords(conversation, tokenizer), tokenizer);
  if (fitted instanceof FieldProblem) throw new Error(fitted.problem);
  return tokenizer.renderChat(fitted.messages, { addGenerationPrompt: false, tools: fitted.tools });
}

describe('toolsInWords', () => {
  it('describes tools before the conversation, behind the words of the system', () => {
    const system: ChatMessage = { role: 'system', content: 'Be brief.' };
    const alone = rendered(plain, { messages: [user], tools });
    expect(alone).toMatch(
      /^\[system\]You can call tools[\s\S]*"name": "rate"[\s\S]*<\/tool_response>\.\[user\]Rate\?$/,
    );
    expect(rendered(plain, { messages: [system, user], tools })).toMatch(/^\[system\]Be brief\.\n\nYou can call tools/);
  });

  it('puts them before the first question where the template takes no system', () => {
    expect(rendered(withoutSystem, { messages: [user], tools })).toMatch(/^\[user\]You can[\s\S]*\n\nRate\?$/);
  });

  it('writes calls between marks, and results as words of the user together with what follows', () => {
    const more: ChatMessage = { role: 'user', content: 'And now?' };
    expect(rendered(usersOnly, { messages: [user, call, result, result, more] })).toBe(
      '[user]Rate?[assistant]<tool_call>\n{"name": "rate", "arguments": {"c": "EUR"}}\n</tool_call>' +
        '[user]<tool_response>\n7\n</tool_response>\n<tool_response>\n7\n</tool_response>\nAnd now?',
    );
  });

  it('does so too where the template refuses the roles of tools', () => {
    const refusing = `{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}[{{ m.role }}]{{ m.content or "" }}{% endfor %}`;
    expect(rendered(refusing, { messages: [user, call, result] })).toMatch(
      /\[user\]<tool_response>\n7\n<\/tool_response>$/,
    );
  });

  it('changes nothing that the template writes by itself', () => {
    const conversation = { messages: [user, call, result], tools };
    expect(toolsInWords(conversation, tokenizerOf(withTools))).toEqual(conversation);
    expect(rendered(withTools, conversation)).toBe('rate;[user]Rate?[assistant]rate{"c": "EUR"}[tool]7');
    const without = { messages: [user] };
    expect(toolsInWords(without, tokenizerOf(plain))).toBe(without);
  });

  it('tells the model the form in which its calls are read', () => {
    expect(findAnswerForm(tokenizerOf(plain)).calls).toEqual(knownCallForms.hermes);
    const spoken = rendered(plain, { messages: [user], tools });
    const { open, close } = knownCallForms.hermes;
    expect(spoken).toContain(
      `${open}{"name": "the name of the tool", "arguments": {"a parameter": "its value"}}${close}`,
    );
  });
});
