import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { createTokenizer, type ChatMessage, type Tokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import { ignoredLabel, type Example } from './example.ts';
import { maskChat, type MaskedChat } from './mask-chat.ts';

const place = { path: 'data.jsonl', line: 3, unit: 'line' } as const;
const golden = new URL('../../../test/golden/templates/', import.meta.url);

function read<Content>(name: string): Content {
  return JSON.parse(readFileSync(new URL(name, golden), 'utf8'));
}

function templateOf(name: string): string {
  return readFileSync(new URL(`templates/${name}.jinja`, golden), 'utf8');
}

function withTemplate(chatTemplate: string): Tokenizer {
  const tokenizerConfig = { bos_token: '<s>', eos_token: '</s>' };
  return createTokenizer({ folder: 'golden', tokenizer: read('tokenizer.json'), tokenizerConfig, chatTemplate });
}

/** The ranges of tokens that count. */
function runsOf({ labels }: Example): [number, number][] {
  const runs: [number, number][] = [];
  for (const [index, label] of labels.entries()) {
    if (label === ignoredLabel) continue;
    const last = runs.at(-1);
    if (last?.[1] === index) last[1] = index + 1;
    else runs.push([index, index + 1]);
  }
  return runs;
}

describe('a template with {% generation %} is learned by the assistant_masks of transformers', () => {
  interface Conversation {
    readonly name: string;
    readonly messages: readonly ChatMessage[];
    readonly tools: readonly object[] | null;
  }
  const conversations = read<readonly Conversation[]>('conversations.json');
  const masks =
    read<Readonly<Record<string, readonly ({ readonly tokens: number; readonly mask: unknown } | null)[]>>>(
      'masks.json',
    );

  beforeAll(() => {
    vi.useFakeTimers({ now: new Date(2024, 6, 9, 4, 5, 6), toFake: ['Date'] });
  });
  afterAll(() => {
    vi.useRealTimers();
  });

  it.each(Object.keys(masks))('%s', (name) => {
    const tokenizer = withTemplate(templateOf(name));
    for (const [index, { messages, tools, name: about }] of conversations.entries()) {
      const made = masked(() => maskChat(messages, tokenizer, place, { tools: tools ?? undefined }));
      const seen = made && { tokens: made.inputIds.length, mask: runsOf(made) };
      expect.soft(seen, about).toEqual(masks[name]?.[index] ?? null);
    }
  });
});

/** null where the template refuses the messages. */
function masked(make: () => MaskedChat): MaskedChat | null {
  try {
    return make();
  } catch (error) {
    if (EspalierError.isInstance(error) && error.code.startsWith('CHAT_TEMPLATE_')) return null;
    throw error;
  }
}

describe('of other templates, what the assistant wrote and its end of turn is learned', () => {
  const talk: readonly ChatMessage[] = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello.' },
    { role: 'user', content: 'Bye' },
    { role: 'assistant', content: 'See you.' },
  ];
  /** The texts that are learned, and how many answers are not. */
  const learned = (tokenizer: Tokenizer, messages = talk): [string[], number] => {
    const chat = maskChat(messages, tokenizer, place);
    const texts = runsOf(chat).map(([start, end]) =>
      tokenizer.decode([...chat.inputIds.subarray(start, end)], { skipSpecial: false }),
    );
    return [texts, chat.passedOver];
  };

  it('where a template rewrites earlier answers, the last one only, and the others are counted', () => {
    const last = '<think>\n\n</think>\n\nSee you.<|im_end|>';
    expect(learned(withTemplate(templateOf('qwen-3')))).toEqual([[last], 1]);
  });

  it('with the thoughts of the last answer', () => {
    const thoughts = talk.map((message) =>
      message.role === 'assistant'
        ? { ...message, content: `<think>\nWell.\n</think>\n\n${message.content as string}` }
        : message,
    );
    const last = '<think>\nWell.\n</think>\n\nSee you.<|im_end|>';
    expect(learned(withTemplate(templateOf('qwen-3')), thoughts)).toEqual([[last], 1]);
  });

  it('without the head of the next turn, where a template writes it always', () => {
    expect(
      learned(
        withTemplate(
          `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}{{ '<|im_start|>assistant\n' }}`,
        ),
      ),
    ).toEqual([['Hello.<|im_end|>', 'See you.<|im_end|>'], 0]);
    const tokens = createTokenizer(
      byteLevelFiles({
        chatTemplate: '{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>',
      }),
    );
    expect(learned(tokens)[0]).toEqual(['Hello.<|end|>', 'See you.<|end|>']);
    const lines = createTokenizer(
      byteLevelFiles({
        chatTemplate: `{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}<|assistant|>`,
      }),
    );
    expect(learned(lines)[0]).toEqual(['Hello.<|end|>', 'See you.<|end|>']);
  });

  it('as ever where a macro writes something before its marks, whose place in the text is then unknown', () => {
    const turns = `{% macro turn(m) %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{% endmacro %}{% for m in messages %}{{ turn(m) }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`;
    expect(learned(withTemplate(turns))).toEqual([['Hello.<|im_end|>', 'See you.<|im_end|>'], 0]);
  });

  it('leaves out the marks of an answer that is not to be learned', () => {
    const tokenizer = withTemplate(templateOf('chatml-generation'));
    const chat = maskChat(talk, tokenizer, place, { isLearned: (index) => index === 3 });
    expect(runsOf(chat).map(([start, end]) => tokenizer.decode([...chat.inputIds.subarray(start, end)]))).toEqual([
      'See you.',
    ]);
  });
});
