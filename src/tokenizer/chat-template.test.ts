import { describe, expect, it } from 'vitest';

import { byteLevelFiles } from './testing/tiny-tokenizers.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

const messages = [
  { role: 'user', content: 'hello' },
  { role: 'assistant', content: 'world' },
];
const chatMl = `{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}`;

function withTemplate(chatTemplate: string): Tokenizer {
  return createTokenizer(byteLevelFiles({ chatTemplate }));
}

describe('renderChat', () => {
  it('ends with the words that let the assistant speak only where asked to', () => {
    const tokenizer = withTemplate(chatMl);
    const turns = '<|user|>hello<|end|><|assistant|>world<|end|>';
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: false })).toBe(turns);
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: true })).toBe(`${turns}<|assistant|>`);
  });

  it('takes the template of chat_template.jinja over the one in tokenizer_config.json', () => {
    const tokenizerConfig = { chat_template: 'from the config' };
    const both = createTokenizer(byteLevelFiles({ tokenizerConfig, chatTemplate: 'from the file' }));
    const one = createTokenizer(byteLevelFiles({ tokenizerConfig }));
    expect(both.renderChat(messages, { addGenerationPrompt: true })).toBe('from the file');
    expect(one.renderChat(messages, { addGenerationPrompt: true })).toBe('from the config');
  });

  it('gives a template no tools and no documents as none, as transformers does', () => {
    const tokenizer = withTemplate('{{ tools is none }} {{ documents is none }} {{ tools is defined }}');
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: true })).toBe('True True True');
  });

  it('takes the default of several named templates', () => {
    const chat_template = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'plain' },
    ];
    const tokenizer = createTokenizer(byteLevelFiles({ tokenizerConfig: { chat_template } }));
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: true })).toBe('plain');
  });

  it('gives tools to the template called tool_use, and everything else to default', () => {
    const chat_template = [
      { name: 'default', template: 'plain' },
      { name: 'tool_use', template: 'tools: {{ tools | length }}' },
    ];
    const tokenizer = createTokenizer(byteLevelFiles({ tokenizerConfig: { chat_template } }));
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: true, tools: [{}] })).toBe('tools: 1');
    const files = { chatTemplate: 'file', additionalTemplates: { tool_use: 'file with tools' } };
    const fromFiles = createTokenizer(byteLevelFiles(files));
    expect(fromFiles.renderChat(messages, { addGenerationPrompt: true, tools: [{}] })).toBe('file with tools');
    expect(fromFiles.renderChat(messages, { addGenerationPrompt: true })).toBe('file');
  });

  it('names the templates of which none is called default', () => {
    const chat_template = [
      { name: 'rag', template: 'a' },
      { name: 'chat', template: 'b' },
    ];
    const tokenizer = createTokenizer(byteLevelFiles({ tokenizerConfig: { chat_template } }));
    expect(() => tokenizer.renderChat(messages, { addGenerationPrompt: true })).toThrow(/called default: chat, rag/);
  });

  it('gives the template variables and documents, above the special tokens', () => {
    const tokenizer = withTemplate(
      `{{ enable_thinking is false }} {{ documents[0].text }} {{ bos_token }} {{ eos_token }}`,
    );
    const options = { documents: [{ text: 'read' }], variables: { enable_thinking: false, bos_token: 'B' } };
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: true, ...options })).toBe('True read B </s>');
  });

  it('says what the template itself objects to', () => {
    const tokenizer = withTemplate(`{{ raise_exception('roles must alternate') }}`);
    expect(() => tokenizer.renderChat(messages, { addGenerationPrompt: true })).toThrow(
      expect.objectContaining({
        code: 'CHAT_TEMPLATE_FAILED',
        message: expect.stringContaining('roles must alternate'),
      }),
    );
  });

  it('fails only when it is used where the template cannot be parsed', () => {
    const tokenizer = withTemplate('{% for %}');
    expect(tokenizer.encode('hello')).toHaveLength(1);
    expect(() => tokenizer.encodeChat(messages, { addGenerationPrompt: true })).toThrow(
      expect.objectContaining({ code: 'CHAT_TEMPLATE_INVALID', details: expect.objectContaining({ line: 1 }) }),
    );
  });

  it('is refused where the model has no template', () => {
    const tokenizer = createTokenizer(byteLevelFiles());
    expect(tokenizer.hasChatTemplate).toBe(false);
    expect(() => tokenizer.encodeChat(messages, { addGenerationPrompt: true })).toThrow(
      expect.objectContaining({ code: 'CHAT_TEMPLATE_MISSING' }),
    );
  });
});

describe('encodeChat gives exactly one bos', () => {
  const [bos] = [1];

  it.each([
    ['once, as Llama 3 and Gemma write it', `{{ bos_token }}${chatMl}`, 1],
    ['twice', `{{ bos_token }}{{ bos_token }}${chatMl}`, 1],
    ['never, as Qwen writes it', chatMl, 0],
  ])('where the template writes it %s', (_, template, expected) => {
    const ids = withTemplate(template).encodeChat(messages, { addGenerationPrompt: true });
    expect(ids.filter((id) => id === bos)).toHaveLength(expected);
    expect(ids).toContain(5);
  });
});
