import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { createTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import { encodeRow } from './encode-row.ts';
import { ignoredLabel } from './example.ts';
import { parseRow } from './parse-row.ts';

/**
 * What is learned of two answers, by template: the text around the words of each. `last` learns only the second answer, because the
 * template rewrites the first one. Templates with `{% generation %}` are compared with transformers in `generation-marks.test.ts`.
 */
const expected: Readonly<Record<string, readonly [before: string, after: string, which?: 'last'] | 'refused'>> = {
  alpaca: ['', '</s>'],
  'always-headed': ['', '<|end|>'],
  'call-blocks': 'refused',
  chatml: ['', '<|im_end|>'],
  'chatml-blocks': ['', '<|im_end|>'],
  'command-r': ['', ''],
  crlf: ['', '\n'],
  'deepseek-r1': 'refused',
  'deepseek-v2': [' ', '</s>'],
  exaone: ['', '[|endofturn|]'],
  falcon: [' ', ''],
  'gemma-2': ['', '<end_of_turn>'],
  'gemma-3-parts': ['', '<end_of_turn>'],
  'glm-4': ['\n', ''],
  'granite-3': ['', '<|end_of_text|>'],
  harmony: ['<|channel|>final<|message|>', '<|return|>', 'last'],
  'hermes-tools': ['', '<|im_end|>'],
  'internlm-2': ['', '<|im_end|>'],
  'jamba-documents': 'refused',
  'llama-2': [' ', ' </s>'],
  'llama-3': ['', '<|eot_id|>'],
  'llama-3.1-tools': ['', '<|eot_id|>'],
  // It asks for no answer, so the model writes the head of its turn, too.
  'llama-3.2-date': ['<|start_header_id|>assistant<|end_header_id|>\n\n', '<|eot_id|>'],
  minicpm: ['', ''],
  'mistral-tekken': ['', '</s>'],
  'mistral-v1': ['', '</s>'],
  'mistral-v3-tools': [' ', '</s>'],
  'olmo-2': ['', '</s>'],
  openchat: [' ', '<|end_of_turn|>'],
  'phi-3': ['', '<|end|>', 'last'],
  'phi-4-mini-tools': ['', '<|end|>', 'last'],
  'qwen-2': ['', '<|im_end|>'],
  'qwen-2.5-tools': ['', '<|im_end|>'],
  'qwen-3': ['<think>\n\n</think>\n\n', '<|im_end|>', 'last'],
  'smollm-2': ['', '<|im_end|>'],
  stablelm: ['', '</s>'],
  starchat: ['\n', '<|end|>'],
  vicuna: [' ', '</s>'],
  'yi-continue': ['', '<|im_end|>'],
  zephyr: ['', '</s>'],
};

const golden = new URL('../../../test/golden/templates/', import.meta.url);
const special = /<\|[^|>\s]+\|>|<\/?[a-z_]+>|\[\|[a-z]+\|\]/g;
const words = ['FIRST answer', 'SECOND answer'];

/** The tokenizer of the corpus, in which what a template writes like a special token is one. */
function withTemplate(chatTemplate: string): Tokenizer {
  const file = JSON.parse(readFileSync(new URL('tokenizer.json', golden), 'utf8')) as { added_tokens: Added[] };
  const known = new Set(file.added_tokens.map(({ content }) => content));
  const found = [...new Set(chatTemplate.match(special))].filter((content) => !known.has(content));
  const flags = { special: true, normalized: false, single_word: false, lstrip: false, rstrip: false };
  const added = found.map((content, index) => ({ id: 1000 + index, content, ...flags }));
  const tokenizer = { ...file, added_tokens: [...file.added_tokens, ...added] };
  const tokenizerConfig = { bos_token: '<s>', eos_token: '</s>' };
  return createTokenizer({ folder: 'golden', tokenizer, tokenizerConfig, chatTemplate });
}

interface Added {
  readonly content: string;
}

/** The runs of tokens that are learned; undefined where the row is refused with what to do. */
function learned(tokenizer: Tokenizer): number[][] | undefined {
  const messages = words.flatMap((content, index) => [
    { role: 'user', content: `Question ${index}` },
    { role: 'assistant', content },
  ]);
  const place = { path: 'rows.jsonl', unit: 'line', line: 1 } as const;
  try {
    const { inputIds, labels } = encodeRow(parseRow({ messages }, place), place, { tokenizer, vocabSize: 2000 });
    const runs: number[][] = [];
    for (const [index, label] of labels.entries()) {
      if (label === ignoredLabel) continue;
      if (index === 0 || labels[index - 1] === ignoredLabel) runs.push([]);
      runs.at(-1)?.push(inputIds[index] ?? -1);
    }
    return runs;
  } catch (error) {
    if (EspalierError.isInstance(error) && error.code === 'CHAT_TEMPLATE_UNSTABLE') return undefined;
    throw error;
  }
}

describe('of a template without {% generation %} the answers are learned, each with the token that ends it', () => {
  const sources = readdirSync(new URL('templates/', golden)).map((file) => ({
    name: file.replace('.jinja', ''),
    source: readFileSync(new URL(`templates/${file}`, golden), 'utf8'),
  }));
  const unmarked = sources.filter(({ source }) => !source.includes('generation %}'));

  beforeAll(() => void vi.useFakeTimers({ now: new Date(2024, 6, 9, 4, 5, 6), toFake: ['Date'] }));
  afterAll(() => void vi.useRealTimers());

  it('for every template of the corpus', () => {
    expect(Object.keys(expected).toSorted()).toEqual(unmarked.map(({ name }) => name).toSorted());
  });

  it.each(unmarked)('$name', ({ name, source }) => {
    const tokenizer = withTemplate(source);
    const found = learned(tokenizer);
    const wanted = expected[name];
    const [before = '', after = '', which] = wanted === 'refused' ? [] : (wanted ?? []);
    const answers = words.slice(which === 'last' ? 1 : 0).map((answer) => before + answer + after);
    const texts = found?.map((run) => tokenizer.decode(run, { skipSpecial: false }));
    expect(texts).toEqual(wanted === 'refused' ? undefined : answers);
    // What ends a turn in training ends an answer that is served.
    const ends = found?.map((run) => run.filter((id) => tokenizer.eosIds.includes(id))) ?? [];
    expect(ends).toEqual(found?.map((run) => (after.trim() === '' ? [] : [run.at(-1)])) ?? []);
  });
});
