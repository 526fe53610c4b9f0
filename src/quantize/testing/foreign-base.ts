import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../../core/index.ts';
import { createRandomBase, openBaseModel, quantizableMatrices, type QuantizableMatrix } from '../../models/index.ts';
import { tinyConfig } from '../../models/testing/fixtures.ts';
import { numberToFloat16, loadSafetensors, tensorOf, writeSafetensors, type TensorData } from '../../tensor/index.ts';

type Random = ReturnType<typeof createRandom>;

/** A kind of checkpoint that another tool writes: its configuration, and the tensors of a matrix, by the ends of their names. */
export interface ForeignKind {
  readonly config: Readonly<Record<string, unknown>>;
  tensors(matrix: QuantizableMatrix, random: Random): Readonly<Record<string, TensorData>>;
}

const groupSize = 32;

/** Any bits are valid integers. */
export function randomInts(random: Random, shape: readonly number[]): TensorData {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return tensorOf(
    'int32',
    shape,
    Int32Array.from({ length: count }, () => Math.floor(random.uniform() * 2 ** 32) | 0),
  );
}

export function randomScales(random: Random, shape: readonly number[], largest: number): TensorData {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const values = Uint16Array.from({ length: count }, () => numberToFloat16(largest * (0.2 + 0.8 * random.uniform())));
  return { dtype: 'float16', shape, bytes: new Uint8Array(values.buffer) };
}

/** GPTQ, with the columns of a group being neighbours or not. */
export function gptq({ bits = 4, format = 'gptq', isOrdered = true, group = groupSize } = {}): ForeignKind {
  const perWord = 32 / bits;
  return {
    config: {
      quant_method: 'gptq',
      bits,
      group_size: group,
      desc_act: !isOrdered,
      sym: false,
      checkpoint_format: format,
      damp_percent: 0.01,
      meta: { quantizer: 'gptqmodel:2.0.0' },
    },
    tensors({ rows, columns }, random) {
      const size = group === -1 ? columns : group;
      const groups = columns / size;
      const index = Int32Array.from({ length: columns }, (_, i) =>
        isOrdered ? Math.floor(i / size) : (i * 7) % groups,
      );
      return {
        qweight: randomInts(random, [columns / perWord, rows]),
        qzeros: randomInts(random, [groups, rows / perWord]),
        scales: randomScales(random, [groups, rows], 0.2 / 2 ** bits),
        g_idx: tensorOf('int32', [columns], index),
      };
    },
  };
}

/** AWQ in the layout of its `gemm` kernels. */
export function awq(): ForeignKind {
  return {
    config: {
      quant_method: 'awq',
      bits: 4,
      group_size: groupSize,
      zero_point: true,
      version: 'gemm',
      backend: 'autoawq',
    },
    tensors: ({ rows, columns }, random) => ({
      qweight: randomInts(random, [columns, rows / 8]),
      qzeros: randomInts(random, [columns / groupSize, rows / 8]),
      scales: randomScales(random, [columns / groupSize, rows], 0.0125),
    }),
  };
}

interface CompressedOptions {
  readonly bits?: 4 | 8;
  readonly format?: 'pack-quantized' | 'int-quantized';
  readonly symmetric?: boolean;
  readonly strategy?: 'group' | 'channel';
}

/** What llm-compressor writes. */
export function compressed({
  bits = 4,
  format = 'pack-quantized',
  symmetric = true,
  strategy = 'group',
}: CompressedOptions = {}): ForeignKind {
  const weights = {
    num_bits: bits,
    type: 'int',
    symmetric,
    strategy,
    group_size: strategy === 'group' ? groupSize : null,
    actorder: null,
    block_structure: null,
    dynamic: false,
    observer: 'minmax',
    observer_kwargs: {},
  };
  const group = { targets: ['Linear'], weights, input_activations: null, output_activations: null };
  return {
    config: {
      quant_method: 'compressed-tensors',
      format,
      config_groups: { group_0: group },
      ignore: ['lm_head'],
      kv_cache_scheme: null,
      quantization_status: 'compressed',
      global_compression_ratio: null,
    },
    tensors({ rows, columns }, random) {
      const [groups, perWord] = [strategy === 'group' ? columns / groupSize : 1, 32 / bits];
      const scales = { weight_scale: randomScales(random, [rows, groups], 0.2 / 2 ** bits) };
      const bytes = (shape: readonly [number, number]): TensorData => ({
        dtype: 'int8',
        shape,
        bytes: randomInts(random, [shape[0], shape[1] / 4]).bytes,
      });
      if (format === 'int-quantized') {
        const zeros = { ...bytes([rows, 4]), shape: [rows, groups] };
        const cut = { ...zeros, bytes: zeros.bytes.slice(0, rows * groups) };
        return { weight: bytes([rows, columns]), ...scales, ...(!symmetric && { weight_zero_point: cut }) };
      }
      return {
        weight_packed: randomInts(random, [rows, columns / perWord]),
        weight_shape: tensorOf('int64', [2], [rows, columns]),
        ...scales,
        ...(!symmetric && { weight_zero_point: randomInts(random, [rows / perWord, groups]) }),
      };
    },
  };
}

/** Floats of 8 bits, with a scale for each rectangle or for the matrix. */
export function float8(block: readonly [number, number] | null): ForeignKind {
  return {
    config: {
      quant_method: 'fp8',
      activation_scheme: 'dynamic',
      weight_block_size: block,
      modules_to_not_convert: null,
    },
    tensors({ rows, columns }, random) {
      const grid = block ? [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])] : [];
      return { weight: floats8(random, [rows, columns]), weight_scale_inv: randomScales(random, grid, 0.1) };
    },
  };
}

/** Any byte but the two NaNs, of magnitudes below 2. */
function floats8(random: Random, shape: readonly [number, number]): TensorData {
  const bytes = Uint8Array.from({ length: shape[0] * shape[1] }, () => random.integer(64) | (random.integer(2) * 128));
  return { dtype: 'float8e4m3fn', shape, bytes };
}

/** Floats of 8 bits as llm-compressor writes them, with inputs of one scale that is known. */
export function compressedFloat8(strategy: 'channel' | 'tensor' | 'block', format = 'float-quantized'): ForeignKind {
  const block = strategy === 'block' ? [48, 40] : null;
  const weights = { num_bits: 8, type: 'float', symmetric: true, strategy, block_structure: block, dynamic: false };
  const inputs = { num_bits: 8, type: 'float', symmetric: true, strategy: 'tensor', dynamic: false };
  const group = { targets: ['Linear'], weights, input_activations: inputs, output_activations: null };
  return {
    config: { quant_method: 'compressed-tensors', format, config_groups: { group_0: group }, ignore: ['lm_head'] },
    tensors({ rows, columns }, random) {
      const grids = {
        channel: [rows, 1],
        tensor: [1],
        block: [Math.ceil(rows / 48), Math.ceil(columns / 40)],
      };
      return {
        weight: floats8(random, [rows, columns]),
        weight_scale: randomScales(random, grids[strategy], 0.1),
        input_scale: randomScales(random, [1], 0.1),
      };
    },
  };
}

interface BitsAndBytesOptions {
  readonly type?: 'nf4' | 'fp4';
  readonly nested?: boolean;
  readonly dtype?: 'float32' | 'bfloat16';
}

/** What transformers writes of a model that it opened with `load_in_4bit`. The numbers of the codes are any. */
export function bitsAndBytes({
  type = 'nf4',
  nested = false,
  dtype = 'float32',
}: BitsAndBytesOptions = {}): ForeignKind {
  const [blockSize, nestedSize] = [64, 256];
  return {
    config: {
      quant_method: 'bitsandbytes',
      _load_in_4bit: true,
      _load_in_8bit: false,
      load_in_4bit: true,
      load_in_8bit: false,
      bnb_4bit_quant_type: type,
      bnb_4bit_compute_dtype: 'bfloat16',
      bnb_4bit_quant_storage: 'uint8',
      bnb_4bit_use_double_quant: nested,
      llm_int8_enable_fp32_cpu_offload: false,
      llm_int8_has_fp16_weight: false,
      llm_int8_skip_modules: null,
      llm_int8_threshold: 6,
    },
    tensors({ rows, columns }, random) {
      const blocks = (rows * columns) / blockSize;
      const numbers = (count: number, scale: number): TensorData =>
        tensorOf(
          'float32',
          [count],
          Float32Array.from({ length: count }, () => random.uniform() * scale),
        );
      const bytes = (shape: readonly number[]): TensorData =>
        tensorOf(
          'uint8',
          shape,
          Uint8Array.from({ length: shape[0] ?? 0 }, () => random.integer(256)),
        );
      const state = {
        quant_type: type,
        blocksize: blockSize,
        dtype,
        shape: [rows, columns],
        ...(nested && { nested_blocksize: nestedSize, nested_dtype: 'float32', nested_offset: 0.05 }),
      };
      const json = Buffer.from(JSON.stringify(state));
      return {
        weight: bytes([(rows * columns) / 2, 1]),
        'weight.quant_map': numbers(16, 1),
        'weight.absmax': nested ? bytes([blocks]) : numbers(blocks, 0.2),
        ...(nested && {
          'weight.nested_absmax': numbers(Math.ceil(blocks / nestedSize), 0.1),
          'weight.nested_quant_map': numbers(256, 1),
        }),
        [`weight.quant_state.bitsandbytes__${type}`]: tensorOf('uint8', [json.length], Uint8Array.from(json)),
      };
    },
  };
}

/** What transformers writes of a model that it opened with `load_in_8bit`. */
export function bitsAndBytes8(): ForeignKind {
  return {
    config: { quant_method: 'bitsandbytes', load_in_8bit: true, load_in_4bit: false, llm_int8_threshold: 6 },
    tensors: ({ rows, columns }, random) => ({
      weight: {
        dtype: 'int8',
        shape: [rows, columns],
        bytes: Uint8Array.from({ length: rows * columns }, () => random.integer(256)),
      },
      SCB: tensorOf(
        'float32',
        [rows],
        Float32Array.from({ length: rows }, () => 0.1 + random.uniform() * 0.1),
      ),
      weight_format: tensorOf('uint8', [], [0]),
    }),
  };
}

/** Writes a tiny Llama of this kind with random numbers. */
export async function writeForeignBase(dir: string, { config, tensors: make }: ForeignKind): Promise<void> {
  const sizes = {
    ...tinyConfig,
    layers: 1,
    vocabSize: 128,
    hiddenSize: 64,
    intermediateSize: 96,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
  };
  await createRandomBase({ config: sizes, dir, seed: 4 });
  const { modules } = await openBaseModel(dir);
  const file = join(dir, 'model.safetensors');
  const { tensors } = await loadSafetensors(file);
  const random = createRandom(9, 'foreign');
  for (const matrix of quantizableMatrices(modules).values()) {
    if (!matrix.name.includes('.layers.')) continue;
    tensors.delete(matrix.name);
    const path = matrix.name.replace(/\.weight$/, '');
    for (const [end, tensor] of Object.entries(make(matrix, random))) tensors.set(`${path}.${end}`, tensor);
  }
  await writeSafetensors(file, tensors);
  const path = join(dir, 'config.json');
  const json: unknown = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...(json as object), quantization_config: config }));
}
