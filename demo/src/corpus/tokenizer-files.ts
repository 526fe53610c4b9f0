import { trainBpe } from './train-bpe.ts';

/** The special tokens of the demo, in the order of their ids. `<|end|>` ends a turn and also a text. */
const specialTokens = ['<|bos|>', '<|end|>', '<|user|>', '<|assistant|>', '<|system|>'] as const;

const [bosToken, endToken] = specialTokens;

/** Each turn consists of the marker of its role, the words and `<|end|>`. Other roles are refused. */
const chatTemplate = `{{ bos_token }}
{%- for message in messages %}
  {%- if message.role not in ['system', 'user', 'assistant'] %}
    {{- raise_exception('the role must be system, user or assistant, not ' + message.role) }}
  {%- endif %}
  {{- '<|' + message.role + '|>' + message.content | trim + '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|assistant|>' }}
{%- endif %}`;

export interface DemoTokenizer {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
}

/** Trains a tokenizer on texts. @returns the contents of `tokenizer.json` and `tokenizer_config.json` */
export function createDemoTokenizer(texts: Iterable<string>, options: { readonly vocabSize: number }): DemoTokenizer {
  const { tokens, merges } = trainBpe(texts, { vocabSize: options.vocabSize, specialTokens });
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: specialTokens.map((content, id) => ({ id, content, ...flags })),
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: startWithBos,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges,
      },
    },
    tokenizerConfig: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: bosToken,
      eos_token: endToken,
      model_max_length: 512,
      clean_up_tokenization_spaces: false,
      chat_template: chatTemplate,
    },
  };
}

/** For other programs that read the file. Espalier adds bos itself. */
const startWithBos = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: bosToken, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [
    { SpecialToken: { id: bosToken, type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { Sequence: { id: 'B', type_id: 0 } },
  ],
  special_tokens: { [bosToken]: { id: bosToken, ids: [0], tokens: [bosToken] } },
};
