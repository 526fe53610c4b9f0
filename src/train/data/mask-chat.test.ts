import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import {
  createTokenizer,
  openTokenizer,
  sharedLength,
  type ChatMessage,
  type Tokenizer,
  type TokenizerFiles,
} from '../../tokenizer/index.ts';
import {
  byteLevelFiles,
  bytePieceFiles,
  metaspaceFiles,
  wordPieceFiles,
} from '../../tokenizer/testing/tiny-tokenizers.ts';
import { ignoredLabel, type Example } from './example.ts';
import { maskChat } from './mask-chat.ts';

const place = { path: 'data.jsonl', unit: 'line', line: 3 } as const;

/** What the labels are by definition: every beginning of the dialogue is rendered and encoded by itself, up to the token that ends its last turn. What does not begin the whole is left out. If that is everything, the dialogue ends with its last answer. */
function maskByBeginnings(messages: readonly ChatMessage[], tokenizer: Tokenizer): Example {
  const rendered = (count: number, addGenerationPrompt: boolean): { text: string; ids: number[] } => {
    const [beginning, options] = [messages.slice(0, count), { addGenerationPrompt }];
    return { text: tokenizer.renderChat(beginning, options), ids: tokenizer.encodeChat(beginning, options) };
  };
  const whole = rendered(messages.length, false);
  const inputIds = Int32Array.from(whole.ids);
  const labels = new Int32Array(inputIds.length).fill(ignoredLabel);
  const answers = [...messages.keys()].filter((index) => messages[index]?.role === 'assistant');
  const kept = answers.filter((index) => {
    const [before, after] = [rendered(index, true), rendered(index + 1, false)];
    if (!after.text.startsWith(before.text) || !whole.text.startsWith(after.text)) return false;
    const { text, behind } = tokenizer.turnEnd ?? { text: '', behind: '' };
    const isBehind = behind !== '' && after.text.endsWith(text + behind);
    const ends = isBehind ? tokenizer.encodeRendered(after.text.slice(0, -behind.length), []).ids : after.ids;
    const shared = sharedLength(ends, whole.ids);
    const [start, end] = [sharedLength(before.ids, whole.ids), shared < ends.length ? shared + 1 : shared];
    labels.set(inputIds.subarray(start, end), start);
    return true;
  });
  const last = answers.at(-1);
  if (kept.length === 0 && last !== undefined) {
    if (last + 1 < messages.length) return maskByBeginnings(messages.slice(0, last + 1), tokenizer);
    throw new EspalierError('CHAT_TEMPLATE_UNSTABLE', { ...place, index: last });
  }
  return { inputIds, labels };
}

/** The example, or the code of the error. */
function outcome(make: () => Example): unknown {
  try {
    const { inputIds, labels } = make();
    return { ids: [...inputIds], labels: [...labels] };
  } catch (error) {
    if (EspalierError.isInstance(error)) return error.code;
    throw error;
  }
}

const prompt = (words: string): string => `{% if add_generation_prompt %}${words}{% endif %}`;
const each = (turn: string): string => `{% for message in messages %}${turn}{% endfor %}`;

const templates = {
  chatMl: each('<|{{ message.role }}|>{{ message.content }}<|end|>\n') + prompt('<|assistant|>'),
  'a bos, and lines': `{{ bos_token }}${each('<|{{ message.role }}|>\n{{ message.content }}<|end|>\n')}${prompt('<|assistant|>\n')}`,
  'two of bos': `<s>{{ bos_token }}${each('<|user|>{{ message.content }}</s>')}`,
  'a bos for each message': each('<s>{{ message.content }}') + prompt('<s>'),
  'content trimmed': each('<|user|> {{ message.content | trim }} <|end|>') + prompt('<|user|> '),
  'words only': each('{{ message.role }}: {{ message.content }}\n') + prompt('assistant:'),
  'nothing between': each('{{ message.content }}') + prompt('hel'),
  'no generation prompt': each('<|{{ message.role }}|>{{ message.content }}<|end|>'),
  'only the last whole': each('<|user|>{% if loop.last %}{{ message.content }}{% endif %}<|end|>'),
};

/** Added tokens that take white space with them, are white space, begin one another, or are found after normalizing. */
const oddTokens = [
  { content: '<|end|>', special: true, normalized: false, lstrip: true },
  { content: '<|assistant|>', special: true, normalized: false, rstrip: true },
  { content: '<|user|>', special: true, normalized: false },
  { content: '<|user|>\n', special: false, normalized: false },
  { content: '\n\n', special: false, normalized: false },
  { content: '  ', special: false, normalized: true, lstrip: true },
  { content: 'hello', special: false, normalized: true, rstrip: true },
];

function withOddTokens({ tokenizer, ...rest }: TokenizerFiles): TokenizerFiles {
  const added = oddTokens.map((token, index) => ({ id: 400 + index, ...token }));
  return { ...rest, tokenizer: { ...tokenizer, added_tokens: added } };
}

const tokenizers: Readonly<Record<string, TokenizerFiles>> = {
  'byte level': byteLevelFiles(),
  'byte pieces': bytePieceFiles(),
  metaspace: { ...metaspaceFiles(), tokenizerConfig: { bos_token: '<s>' } },
  'word pieces': wordPieceFiles(),
  'byte level, odd tokens': withOddTokens(byteLevelFiles({ tokenizerConfig: {} })),
  'byte pieces, odd tokens': withOddTokens(bytePieceFiles({ tokenizerConfig: {} })),
};

const words = ['hello', ' wor', 'ld', ' ', '\n', '\n\n', '  ', '<s>', '<|end|>', '<|user|>', '<|us', '😀', 'é', 'x'];
const content = fc.array(fc.constantFrom(...words), { maxLength: 6 }).map((parts) => parts.join(''));
const role = fc.constantFrom('user', 'assistant', 'system');
const dialogue = fc.array(fc.record({ role, content }), { minLength: 1, maxLength: 7 });

/** A dialogue that is labelled otherwise than by its beginnings. */
function counterexample(tokenizer: Tokenizer, numRuns: number): unknown {
  const same = fc.property(dialogue, (messages) => {
    const made = outcome(() => maskChat(messages, tokenizer, place));
    return isDeepStrictEqual(
      made,
      outcome(() => maskByBeginnings(messages, tokenizer)),
    );
  });
  return fc.check(same, { numRuns }).counterexample;
}

describe('maskChat labels as if every beginning of a dialogue were encoded by itself', () => {
  describe.each(Object.entries(tokenizers))('with %s', (_, files) => {
    it.each(Object.entries(templates))('and the template "%s"', (_name, chatTemplate) => {
      expect(counterexample(createTokenizer({ ...files, chatTemplate }), 30)).toBeNull();
    });
  });

  describe('with the tokenizer and the template of the base in this repository', () => {
    let tokenizer: Tokenizer | undefined;
    beforeAll(async () => {
      tokenizer = await openTokenizer(fileURLToPath(new URL('../../../demo/base', import.meta.url)));
    });

    it('and any dialogue', () => {
      expect(tokenizer?.hasChatTemplate).toBe(true);
      expect(tokenizer && counterexample(tokenizer, 60)).toBeNull();
    });
  });
});

it('encodes a dialogue once, and only what follows the last added token again for each turn', () => {
  const tokenizer = createTokenizer(byteLevelFiles({ chatTemplate: templates.chatMl }));
  const long = 'hello world '.repeat(50);
  const messages = Array.from({ length: 80 }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: long }));
  const calls: string[] = [];
  const spied = new Proxy(tokenizer, {
    get: (target, name) => {
      calls.push(String(name));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const { labels } = maskChat(messages, spied, place);
  expect(labels.filter((label) => label !== ignoredLabel).length).toBeGreaterThan(40 * 100);
  expect(calls.filter((name) => name.startsWith('encode'))).toEqual(['encodeRendered']);
});
