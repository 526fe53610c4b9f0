import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';
import { buildScoringGraph, openBaseModel, verifyWeights, type BaseModel } from '../models/index.ts';
import { DecodeDriver } from '../models/testing/decode-driver.ts';
import { maxDifference } from '../models/testing/golden.ts';
import { scoreRows } from '../models/testing/scoring-driver.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { loadSafetensors, tensorOf, writeSafetensors, zerosOf, type TensorData } from '../tensor/index.ts';
import { dequantizeBase } from './dequantize-base.ts';
import {
  awq,
  bitsAndBytes,
  bitsAndBytes8,
  compressed,
  compressedFloat8,
  float8,
  gptq,
  writeForeignBase,
  type ForeignKind,
} from './testing/foreign-base.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-foreign-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
});

const scaled = 'model.layers.0.mlp.up_proj.weight_scale_inv';

const kinds: readonly { readonly what: string; readonly kind: ForeignKind; readonly product: string }[] = [
  { what: 'GPTQ, 4 bits', kind: gptq(), product: 'MatMulNBits' },
  { what: 'GPTQ, 8 bits', kind: gptq({ bits: 8 }), product: 'MatMulNBits' },
  { what: 'GPTQ, one group', kind: gptq({ group: -1 }), product: 'MatMulNBits' },
  { what: 'GPTQ, columns in another order', kind: gptq({ isOrdered: false }), product: 'Gemm' },
  { what: 'GPTQ, the second format', kind: gptq({ format: 'gptq_v2' }), product: 'MatMulNBits' },
  { what: 'GPTQ, groups of 8', kind: gptq({ group: 8 }), product: 'Gemm' },
  { what: 'FP8, one scale', kind: float8(null), product: 'Gemm' },
  { what: 'FP8, rectangles that do not divide the matrix', kind: float8([48, 40]), product: 'Gemm' },
  { what: 'FP8 of compressed-tensors, by rows', kind: compressedFloat8('channel'), product: 'Gemm' },
  {
    what: 'FP8 of compressed-tensors, one scale',
    kind: compressedFloat8('tensor', 'naive-quantized'),
    product: 'Gemm',
  },
  { what: 'FP8 of compressed-tensors, rectangles', kind: compressedFloat8('block'), product: 'Gemm' },
  { what: 'bitsandbytes, NF4', kind: bitsAndBytes({ dtype: 'bfloat16' }), product: 'Gemm' },
  { what: 'bitsandbytes, NF4 with nested factors', kind: bitsAndBytes({ nested: true }), product: 'Gemm' },
  { what: 'bitsandbytes, FP4', kind: bitsAndBytes({ type: 'fp4' }), product: 'Gemm' },
  { what: 'bitsandbytes, 8 bits', kind: bitsAndBytes8(), product: 'Gemm' },
  { what: 'AWQ', kind: awq(), product: 'MatMulNBits' },
  { what: 'packed, 4 bits', kind: compressed(), product: 'MatMulNBits' },
  { what: 'packed, 4 bits, zero points', kind: compressed({ symmetric: false }), product: 'MatMulNBits' },
  {
    what: 'packed, 8 bits by rows',
    kind: compressed({ bits: 8, strategy: 'channel', symmetric: false }),
    product: 'MatMulNBits',
  },
  {
    what: 'bytes by rows',
    kind: compressed({ bits: 8, format: 'int-quantized', strategy: 'channel' }),
    product: 'MatMulNBits',
  },
  {
    what: 'bytes, zero points',
    kind: compressed({ bits: 8, format: 'int-quantized', symmetric: false }),
    product: 'MatMulNBits',
  },
];

const rows = [
  [1, 5, 9, 13, 17, 21],
  [2, 4, 8],
];

const dirs = new Map<string, Promise<string>>();

/** A base of this kind, written once. */
async function written(kind: ForeignKind): Promise<BaseModel> {
  const key = JSON.stringify(kind.config);
  const dir = dirs.get(key) ?? write(kind);
  dirs.set(key, dir);
  return openBaseModel(await dir);
}

async function write(kind: ForeignKind): Promise<string> {
  const dir = await mkdtemp(join(folder, 'base-'));
  await writeForeignBase(dir, kind);
  return dir;
}

async function copied(kind: ForeignKind): Promise<string> {
  const dir = await mkdtemp(join(folder, 'copy-'));
  await cp((await written(kind)).dir, dir, { recursive: true });
  return dir;
}

describe.each(crossSection(kinds, 3))('$what', ({ kind, product }) => {
  it('computes what its floats do, in the form that its groups allow, token by token too', async () => {
    const base = await written(kind);
    expect(products(base)).toEqual([product]);
    await verifyWeights(base);
    await dequantizeBase(base, `${base.dir}-floats`);
    const floats = await openBaseModel(`${base.dir}-floats`);
    const [packed, plain] = [
      await scoreRows({ base, environment }, rows),
      await scoreRows({ base: floats, environment }, rows),
    ];
    expect(Math.max(...plain.flatMap((row) => [...row]))).toBeGreaterThan(0.1);
    packed.forEach((row, i) => expect(maxDifference(row, plain[i] ?? [])).toBeLessThan(1e-4));
    using driver = await DecodeDriver.open(base, environment, { slots: 1, maxLength: 32 });
    const { vocabSize } = base.config;
    for (const [i, token] of (rows[0] ?? []).entries()) {
      const wanted = plain[0]?.subarray(i * vocabSize, (i + 1) * vocabSize) ?? [];
      expect(maxDifference(await driver.step([token]), wanted)).toBeLessThan(1e-4);
    }
  });
});

/** The operators that multiply by the matrix of a module. */
function products(base: BaseModel): string[] {
  const { nodes } = buildScoringGraph(base).graph;
  return nodes.flatMap(({ name, opType }) => (/mlp\.up_proj\/(Gemm|MatMul\w*)$/.test(name) ? [opType] : []));
}

/** A copy whose configuration says something else. */
async function saying(kind: ForeignKind, change: Readonly<Record<string, unknown>>): Promise<string> {
  const dir = await copied(kind);
  const file = join(dir, 'config.json');
  const json = JSON.parse(await readFile(file, 'utf8')) as { quantization_config: object };
  await writeFile(file, JSON.stringify({ ...json, quantization_config: { ...json.quantization_config, ...change } }));
  return dir;
}

function groupOf(weights: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { config_groups: { a: { targets: ['Linear'], weights } } };
}

type Tensors = Map<string, TensorData>;
const path = 'model.layers.0.mlp.up_proj';

async function changed(kind: ForeignKind, change: (tensors: Tensors) => unknown): Promise<string> {
  const dir = await copied(kind);
  const file = join(dir, 'model.safetensors');
  const { tensors } = await loadSafetensors(file);
  change(tensors);
  await writeSafetensors(file, tensors);
  return dir;
}

describe('a checkpoint of another tool', () => {
  it.each<[string, ForeignKind, (tensors: Tensors) => unknown, RegExp]>([
    ['lacks scales', gptq(), (t) => t.delete(`${path}.scales`), /has no .*up_proj\.scales/],
    [
      'has words of another shape',
      gptq(),
      (t) => t.set(`${path}.qweight`, zerosOf('int32', [64, 12])),
      /expected int32 \[8, 96\]/,
    ],
    [
      'has zero points of another type',
      gptq(),
      (t) => t.set(`${path}.qzeros`, zerosOf('int64', [2, 12])),
      /qzeros is int64/,
    ],
    [
      'has a group that is none',
      gptq(),
      (t) => t.set(`${path}.g_idx`, tensorOf('int32', [64], new Int32Array(64).fill(2))),
      /holds the group 2, expected 0 to 1/,
    ],
    [
      'has a negative group',
      gptq(),
      (t) => t.set(`${path}.g_idx`, tensorOf('int32', [64], new Int32Array(64).fill(-1))),
      /holds the group -1/,
    ],
    [
      'has a bias that the network lacks',
      gptq(),
      (t) => t.set(`${path}.bias`, tensorOf('float32', [96], new Float32Array(96).fill(1))),
      /up_proj\.bias is unexpected/,
    ],
    ['has a matrix twice', gptq(), (t) => t.set(`${path}.weight`, zerosOf('float32', [96, 64])), /up_proj\.weight/],
    [
      'has a vector of nothing',
      gptq(),
      (t) => t.set('model.norm.g_idx', zerosOf('int32', [64])),
      /model\.norm\.g_idx is unexpected/,
    ],
    [
      'has columns in an order that AWQ has not',
      awq(),
      (t) => t.set(`${path}.g_idx`, zerosOf('int32', [64])),
      /g_idx is unexpected/,
    ],
    [
      'has another shape than it says',
      compressed(),
      (t) => t.set(`${path}.weight_shape`, tensorOf('int64', [2], [96, 65])),
      /weight_shape holds \[96, 65\]/,
    ],
    [
      'lacks the scales of packed words',
      compressed(),
      (t) => t.delete(`${path}.weight_scale`),
      /has no .*weight_scale/,
    ],
    [
      'has scales of its inputs',
      compressed(),
      (t) => t.set(`${path}.input_scale`, zerosOf('float32', [1])),
      /input_scale is unexpected/,
    ],
    [
      'lacks the factors of its codes',
      bitsAndBytes(),
      (t) => t.delete(`${path}.weight.absmax`),
      /has no .*weight\.absmax/,
    ],
    [
      'has factors of another type than it says',
      bitsAndBytes({ nested: true }),
      (t) => t.set(`${path}.weight.absmax`, zerosOf('float32', [96])),
      /expected uint8 \[96\]/,
    ],
    [
      'has codes of another matrix',
      bitsAndBytes(),
      (t) => t.set(`${path}.weight`, zerosOf('uint8', [3071, 1])),
      /has 3071 bytes, expected 3072/,
    ],
    [
      'says another shape',
      bitsAndBytes(),
      (t) => {
        const said = { quant_type: 'nf4', blocksize: 64, dtype: 'float32', shape: [64, 96] };
        const json = Buffer.from(JSON.stringify(said));
        t.set(`${path}.weight.quant_state.bitsandbytes__nf4`, tensorOf('uint8', [json.length], Uint8Array.from(json)));
      },
      /says \[64, 96\], expected \[96, 64\]/,
    ],
    [
      'says of its codes what is no JSON',
      bitsAndBytes(),
      (t) => t.set(`${path}.weight.quant_state.bitsandbytes__nf4`, zerosOf('uint8', [9])),
      /it is no JSON/,
    ],
    [
      'lies in columns of tiles',
      bitsAndBytes8(),
      (t) => t.set(`${path}.weight_format`, tensorOf('uint8', [], [1])),
      /weight_format is not 0/,
    ],
    ['has no scales for its floats', float8([48, 40]), (t) => t.delete(scaled), /has no .*weight_scale_inv/],
    [
      'has two tensors of scales',
      float8(null),
      (t) => t.set(`${path}.weight_scale`, zerosOf('float32', [])),
      /lies beside .*weight_scale_inv/,
    ],
    [
      'has scales of other rectangles',
      float8([48, 40]),
      (t) => t.set(scaled, zerosOf('float32', [2, 3])),
      /expected float32 \[2, 2\]/,
    ],
  ])('is refused when it %s', async (_, kind, change, message) => {
    const opened = openBaseModel(await changed(kind, change));
    await expect(opened).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_MISMATCH' });
    await expect(opened).rejects.toThrow(message);
  });

  const gptqModel = { format: 'gptq', method: 'gptq', pack_dtype: 'int32', lm_head: false, meta: { quantizer: [] } };
  const awqModel = {
    ...gptqModel,
    format: 'gemm',
    checkpoint_format: 'gemm',
    method: 'awq',
    sym: false,
    desc_act: false,
  };
  it.each<[string, ForeignKind, Record<string, unknown>]>([
    ['GPTQModel says it', gptq(), gptqModel],
    ['GPTQModel says of AWQ', awq(), awqModel],
    [
      'transformers says of AWQ',
      awq(),
      { format: 'gemm', damp_percent: 0.1, sym: true, tokenizer: null, backend: 'auto' },
    ],
    ['transformers says of FP8', float8(null), { scale_fmt: 'float', modules_to_convert: null, dequantize: false }],
    ['AutoFP8 says it', float8(null), { ignored_layers: ['lm_head'], kv_cache_scheme: null }],
  ])('is opened as %s', async (_, kind, change) => {
    const base = await openBaseModel(await saying(kind, change));
    expect(base.weights.get(`${path}.weight`)?.quantized).toBeDefined();
  });

  it('may have biases of zeros that the network lacks', async () => {
    const dir = await changed(gptq(), (t) => t.set(`${path}.bias`, zerosOf('float16', [96])));
    expect((await openBaseModel(dir)).weights.has(`${path}.bias`)).toBe(false);
  });

  it.each<[string, ForeignKind, Record<string, unknown>]>([
    ['rotation', gptq(), { rotation: 'hadamard' }],
    ['bits', gptq(), { bits: 3 }],
    ['dynamic', gptq(), { dynamic: { '+:.*down': { bits: 8 } } }],
    ['checkpoint_format', gptq(), { checkpoint_format: 'marlin' }],
    ['group_size', gptq(), { group_size: 0 }],
    ['zero_point', awq(), { zero_point: false }],
    ['version', awq(), { version: 'gemv' }],
    ['transform_config', compressed(), { transform_config: { R1: {} } }],
    ['kv_cache_scheme', compressed(), { kv_cache_scheme: { num_bits: 8 } }],
    [
      'config_groups.a.weights.num_bits',
      compressed(),
      { config_groups: { a: { weights: { num_bits: 2, type: 'int' } } } },
    ],
    ['scale_fmt', float8(null), { scale_fmt: 'ue8m0' }],
    ['load_in_4bit', bitsAndBytes(), { load_in_4bit: false }],
    ['llm_int8_has_fp16_weight', bitsAndBytes8(), { llm_int8_has_fp16_weight: true }],
    ['method', gptq(), { method: 'qqq' }],
    ['format', awq(), { format: 'gemv_fast' }],
    ['modules_to_convert', float8(null), { modules_to_convert: ['model.embed_tokens'] }],
    ['kv_cache_scheme', float8(null), { kv_cache_scheme: { num_bits: 8 } }],
    ['config_groups.group_0.weights.type', compressedFloat8('channel'), { format: 'int-quantized' }],
    ['config_groups.group_0.weights.type', compressed(), { format: 'float-quantized' }],
    ['config_groups.a.weights.strategy', compressed(), groupOf({ num_bits: 4, type: 'int', strategy: 'tensor' })],
    ['config_groups.a.weights.block_structure', compressed(), groupOf({ num_bits: 8, type: 'int', strategy: 'block' })],
  ])('is refused for what it says of %s', async (field, kind, change) => {
    const opened = openBaseModel(await saying(kind, change));
    await expect(opened).rejects.toMatchObject({ code: 'MODEL_FEATURE_UNSUPPORTED' });
    await expect(opened).rejects.toThrow(`quantization_config.${field}`);
  });

  it('is refused when a factor of bitsandbytes is infinite', async () => {
    const dir = await changed(bitsAndBytes(), (tensors) => {
      tensors.set(`${path}.weight.absmax`, tensorOf('float32', [96], new Float32Array(96).fill(Infinity)));
    });
    const verified = verifyWeights(await openBaseModel(dir));
    await expect(verified).rejects.toThrow(/up_proj\.weight\.absmax/);
  });

  it('is refused when a float of 8 bits is NaN', async () => {
    const dir = await changed(float8(null), (tensors) => {
      const bytes = new Uint8Array(64 * 96).fill(255, 7, 8);
      tensors.set(`${path}.weight`, { dtype: 'float8e4m3fn', shape: [96, 64], bytes });
    });
    const verified = verifyWeights(await openBaseModel(dir));
    await expect(verified).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_NOT_FINITE' });
    await expect(verified).rejects.toThrow(/up_proj\.weight/);
  });
});
