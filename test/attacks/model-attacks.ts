import { readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSafetensors, tensorOf, writeSafetensors, type TensorData } from '../../src/tensor/index.ts';
import { safetensorsFile, type Attack } from './attack.ts';

const weights = 'model.safetensors';
const up = 'model.layers.1.mlp.up_proj.weight';

function config(name: string, code: Attack['code'], change: object): Attack {
  return {
    name: `config.json with ${name}`,
    code,
    make: async (dir) => {
      const path = join(dir, 'config.json');
      const content = JSON.parse(await readFile(path, 'utf8')) as object;
      await writeFile(path, JSON.stringify({ ...content, ...change }));
    },
  };
}

function text(file: string, name: string, code: Attack['code'], content: string | Uint8Array): Attack {
  return { name: `${file} that is ${name}`, code, make: (dir) => writeFile(join(dir, file), content) };
}

function tensors(name: string, code: Attack['code'], change: (all: Map<string, TensorData>) => void): Attack {
  return {
    name: `weights with ${name}`,
    code,
    make: async (dir) => {
      const { tensors: all } = await loadSafetensors(join(dir, weights));
      change(all);
      await writeSafetensors(join(dir, weights), all);
    },
  };
}

const filled = (value: number): TensorData => tensorOf('float32', [64, 32], new Float32Array(64 * 32).fill(value));
const shards = (map: Record<string, string>): string => JSON.stringify({ weight_map: map });

/** Hugging Face folders: a Llama of a few thousand weights, with one thing wrong. */
export const modelAttacks: readonly Attack[] = [
  text('config.json', 'no JSON', 'MODEL_CONFIG_INVALID', '{"model_type":'),
  text('config.json', 'a list', 'MODEL_CONFIG_INVALID', '[]'),
  text('config.json', 'empty', 'MODEL_CONFIG_INVALID', ''),
  text('config.json', 'not UTF-8', 'MODEL_CONFIG_INVALID', Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)),
  text('config.json', 'nested 100,000 deep', 'MODEL_CONFIG_INVALID', '['.repeat(100_000)),
  config('an unknown architecture', 'MODEL_ARCHITECTURE_UNSUPPORTED', { model_type: 'no-such', architectures: ['X'] }),
  config('experts', 'MODEL_ARCHITECTURE_UNSUPPORTED', {
    model_type: 'deepseek_v4',
    architectures: ['DeepseekV4ForCausalLM'],
  }),
  config('10^9 layers', 'MODEL_CONFIG_INVALID', { num_hidden_layers: 1_000_000_000 }),
  config('-1 layers', 'MODEL_CONFIG_INVALID', { num_hidden_layers: -1 }),
  config('half a head', 'MODEL_CONFIG_INVALID', { num_attention_heads: 2.5 }),
  config('a vocabulary of 10^18', 'MODEL_CONFIG_INVALID', { vocab_size: 1e18 }),
  config('a width of nothing', 'MODEL_CONFIG_INVALID', { hidden_size: 0 }),
  config('an epsilon of text', 'MODEL_CONFIG_INVALID', { rms_norm_eps: 'NaN' }),
  config('a width other than that of the weights', 'MODEL_WEIGHTS_MISMATCH', { intermediate_size: 96 }),
  config('more layers than weights', 'MODEL_WEIGHTS_MISMATCH', { num_hidden_layers: 3 }),
  tensors('a NaN', 'MODEL_WEIGHTS_NOT_FINITE', (all) => all.set(up, filled(NaN))),
  tensors('an infinity', 'MODEL_WEIGHTS_NOT_FINITE', (all) => all.set(up, filled(-Infinity))),
  tensors('one missing', 'MODEL_WEIGHTS_MISMATCH', (all) => all.delete(up)),
  tensors('one too many', 'MODEL_WEIGHTS_MISMATCH', (all) => all.set('model.layers.9.up', filled(1))),
  tensors('integers', 'MODEL_WEIGHTS_MISMATCH', (all) => all.set(up, tensorOf('int8', [64, 32], new Int8Array(2048)))),
  tensors('their axes exchanged', 'MODEL_WEIGHTS_MISMATCH', (all) => all.set(up, { ...filled(1), shape: [32, 64] })),
  text(weights, 'empty', 'SAFETENSORS_TRUNCATED', ''),
  text(weights, 'a pickle of Python', 'SAFETENSORS_HEADER_TOO_LARGE', Buffer.from('80027d710058080000', 'hex')),
  text(weights, 'a header of 2^63 bytes', 'SAFETENSORS_HEADER_TOO_LARGE', safetensorsFile('{}', 0, 2n ** 63n)),
  text(weights, 'a header of 90 MB that is not there', 'SAFETENSORS_TRUNCATED', safetensorsFile('{}', 0, 90_000_000n)),
  text(
    weights,
    'a shape of 10^9 each way',
    'SAFETENSORS_SHAPE_INVALID',
    safetensorsFile({ x: { dtype: 'F32', shape: [1e9, 1e9], data_offsets: [0, 4] } }, 4),
  ),
  text(
    weights,
    'two tensors on the same bytes',
    'SAFETENSORS_OVERLAP',
    safetensorsFile(
      { a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] }, b: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } },
      4,
    ),
  ),
  text(
    weights,
    'a thousand tensors on the same megabyte',
    'SAFETENSORS_OVERLAP',
    safetensorsFile(
      Object.fromEntries(
        Array.from({ length: 1000 }, (_, i) => [
          `t${i}`,
          { dtype: 'U8', shape: [1_000_000], data_offsets: [0, 1_000_000] },
        ]),
      ),
      1_000_000,
    ),
  ),
  text(
    weights,
    'a header of 100,000 open braces',
    'SAFETENSORS_HEADER_INVALID',
    safetensorsFile('{"a":'.repeat(100_000)),
  ),
  {
    name: 'weights that are cut off',
    code: 'SAFETENSORS_TRUNCATED',
    make: (dir) => truncate(join(dir, weights), 10_000),
  },
  { name: 'weights that are gone', code: 'MODEL_WEIGHTS_NOT_FOUND', make: (dir) => rm(join(dir, weights)) },
  {
    name: 'weights that are a link to a device',
    code: 'MODEL_WEIGHTS_NOT_FOUND',
    make: async (dir) => {
      await rm(join(dir, weights));
      await symlink('/dev/zero', join(dir, weights));
    },
  },
  text(
    `${weights}.index.json`,
    'an index with a shard outside',
    'MODEL_CONFIG_INVALID',
    shards({ [up]: '../outside.safetensors' }),
  ),
  text(
    `${weights}.index.json`,
    'an index with an absolute shard',
    'MODEL_CONFIG_INVALID',
    shards({ [up]: '/etc/passwd' }),
  ),
  text(`${weights}.index.json`, 'an index with no shard there', 'FILE_NOT_FOUND', shards({ [up]: 'none.safetensors' })),
  text(
    `${weights}.index.json`,
    'an index that leaves weights out',
    'MODEL_WEIGHTS_MISMATCH',
    shards({ [up]: weights }),
  ),
  text('generation_config.json', 'no JSON', 'MODEL_CONFIG_INVALID', 'x'),
  text('generation_config.json', 'one with a token of text', 'MODEL_CONFIG_INVALID', '{"eos_token_id":"</s>"}'),
  text('tokenizer.json', 'no JSON', 'TOKENIZER_INVALID', '{'),
  text('tokenizer.json', 'a number', 'TOKENIZER_INVALID', '1e999'),
  text('tokenizer.json', 'without a model', 'TOKENIZER_INVALID', '{}'),
  text('tokenizer.json', 'nested 100,000 deep', 'TOKENIZER_INVALID', '{"model":'.repeat(100_000)),
  text('tokenizer.json', 'of an unknown model', 'TOKENIZER_INVALID', '{"model":{"type":"Sorcery","vocab":{}}}'),
  text(
    'tokenizer.json',
    'of token ids of 10^15',
    'TOKENIZER_INVALID',
    '{"model":{"type":"BPE","vocab":{"a":1000000000000000},"merges":[]}}',
  ),
  text(
    'tokenizer.json',
    'of negative token ids',
    'TOKENIZER_INVALID',
    '{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}',
  ),
  text(
    'tokenizer.json',
    'of a merge without parts',
    'TOKENIZER_INVALID',
    '{"model":{"type":"BPE","vocab":{"a":0},"merges":["x"]}}',
  ),
];
