import { elementCount, hasLevels, isGgmlFloat, levelBits, type Ggml } from '../../tensor/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { WeightRef } from '../weight-ref.ts';
import { checkpointName, type GgufNames } from './gguf-names.ts';
import type { GgufModel, PlacedTensor } from './open-gguf-files.ts';

export interface GgufLayout {
  readonly names: GgufNames;
  /** The heads of queries, and of keys and values. */
  readonly heads: number;
  readonly kvHeads: number;
  /** The names of tensors that are no weights: they were read already. */
  readonly settings: RegExp;
}

/** The numbers that the matrices of Q8_0 and Q4_0 have in a block. */
const blockSize = 32;

/**
 * The weights of a GGUF model by their names in a checkpoint. A tensor of no known module keeps its name, and is refused as unexpected.
 *
 * - Floats lie in the file as in a checkpoint, unless rows or numbers were changed by the converter.
 * - Matrices of Q8_0 and Q4_0 become the blocks of MatMulNBits, which are the same numbers.
 * - Matrices of other formats become f32.
 *
 * @throws EspalierError GGUF_UNSUPPORTED for elements that no weight has
 */
export function ggufWeights(model: GgufModel, layout: GgufLayout): Map<string, WeightRef> {
  const weights = new Map<string, WeightRef>();
  for (const [name, tensor] of model.tensors) {
    if (layout.settings.test(name)) continue;
    const own = checkpointName(name, layout.names) ?? name;
    if (weights.has(own))
      throw new EspalierError('GGUF_MALFORMED', { path: model.file, reason: `it has two tensors for ${own}` });
    weights.set(own, weightOf(own, tensor, model, layout));
  }
  return weights;
}

function weightOf(name: string, tensor: PlacedTensor, { file }: GgufModel, layout: GgufLayout): WeightRef {
  const { type, shape, location, offset, length } = tensor;
  const place = { name, location, offset, length };
  if (type === 'float64') {
    throw new EspalierError('GGUF_UNSUPPORTED', { path: file, reason: `${name} has elements of 64 bits` });
  }
  const columns = shape.at(-1) ?? 0;
  const rows = elementCount(shape) / columns;
  const heads = headsOf(name, layout);
  if (heads !== undefined && !Number.isInteger((isVector(name) ? columns : rows) / heads / 2)) {
    throw new EspalierError('GGUF_MALFORMED', { path: file, reason: `${name} cannot be divided among ${heads} heads` });
  }
  // A vector of a permuted module is permuted too: each of its numbers is a row.
  const size = isVector(name) && heads !== undefined ? { rows: columns, columns: 1 } : { rows, columns };
  const raise = layout.names.raisedNorms && name.endsWith('norm.weight') ? -1 : 0;
  const decodes: Omit<Ggml, 'part'> = {
    form: 'ggml',
    type,
    ...size,
    ...(heads !== undefined && { heads }),
    ...(raise !== 0 && { raise }),
    places: {},
  };
  const isFloat = isGgmlFloat(type);
  if (isFloat && heads === undefined && raise === 0) return { ...place, dtype: type, shape };
  if (raise !== 0 && !isFloat) {
    throw new EspalierError('GGUF_UNSUPPORTED', { path: file, reason: `${name} is a norm of elements ${type}` });
  }
  const floats: WeightRef = { ...place, dtype: 'float32', shape, decoding: { ...decodes, part: 'floats' } };
  if (isFloat) return floats;
  const matrix = { rows, columns } as const;
  if (!hasLevels(type))
    return { ...floats, quantized: { kind: 'decoded', ...matrix, bits: bitsOf(tensor), floats: [floats] } };
  const bits = levelBits[type];
  const blocks = columns / blockSize;
  const scales: WeightRef = {
    ...place,
    name: name.replace(/\.weight$/, '.scales'),
    dtype: 'float32',
    shape: [rows, blocks],
    decoding: { ...decodes, part: 'scales' },
  };
  const rest = { bits, blockSize, activations: 'float32', scales, zeroPoints: undefined } as const;
  return {
    ...place,
    dtype: 'uint8',
    shape: [rows, blocks, (blockSize * bits) / 8],
    decoding: { ...decodes, part: 'levels' },
    quantized: { kind: 'blocks', ...matrix, ...rest },
  };
}

function isVector(name: string): boolean {
  return name.endsWith('.bias');
}

/** The heads of a module whose rows llama.cpp has interleaved. */
function headsOf(name: string, { names, heads, kvHeads }: GgufLayout): number | undefined {
  if (!names.interleaved) return undefined;
  if (/\.q_proj\.(weight|bias)$/.test(name)) return heads;
  return /\.k_proj\.(weight|bias)$/.test(name) ? kvHeads : undefined;
}

/** In the file, scales included, rounded. */
function bitsOf({ length, shape }: PlacedTensor): number {
  return Math.round((8 * length) / elementCount(shape));
}
