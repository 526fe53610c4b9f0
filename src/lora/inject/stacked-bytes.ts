import { float, type Tape, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';

/**
 * Rank rows of a block, where adapters are bytes. A decode step multiplies each token by the blocks of its own adapters, and products of
 * 16 columns fill the registers of a processor with AVX2. Usual ranks are multiples or divisors of it.
 */
export const byteBlock = 16;

/**
 * How a run of few tokens is computed. An item pairs a token with a block of rank rows that it uses; items lie in a grid with one line
 * for each block. Empty places of the grid read any token and have no share in a result.
 */
export interface ByteItems {
  /** bool [1]: whether any token of the run has an adapter. All others are read only then. */
  readonly isActive: Value;
  /** bool [1]: whether the run has few tokens. The others below are read only then. */
  readonly isFew: Value;
  /** int64 [blocks, places]: the token of each item */
  readonly rows: Value;
  /** f32 [tokens, items]: the strength with which an item is added to a token */
  readonly shares: Value;
}

/** The matrices of adapters for one module, as graph inputs. */
export interface ByteStack {
  readonly path: string;
  readonly out: number;
  /** s8 [blocks, in, u] */
  readonly a: Value;
  /** s8 [blocks, u, out] */
  readonly b: Value;
  /** f32 [blocks, 1, u]: the scale of each rank row, for both matrices together */
  readonly scale: Value;
}

/** A module's input as a run of few tokens reads it. */
export interface RoundedInput {
  /** u8 [tokens, in] */
  readonly levels: Value;
  /** f32 [tokens, 1]: what levels are multiplied with, if the module's own result is not to be multiplied by it too */
  readonly size?: Value | undefined;
  /** f32 []: 1 / 127 */
  readonly step: Value;
  /** u8 []: 128 */
  readonly middle: Value;
}

/** What the modules of one input share within a branch. */
export interface FewInputs extends RoundedInput {
  /** u8 [blocks, places, in] */
  readonly tokens: Value;
  /** f32 [tokens, items] */
  readonly shares: Value;
}

/** Records what the modules of one input share: each item's token, and the strength with which it is added. */
export function fewInputs(tape: Tape, rounded: RoundedInput, { rows, shares }: ByteItems): FewInputs {
  const { levels, size } = rounded;
  return {
    ...rounded,
    tokens: tape.op('Gather', [levels, rows]),
    // All items of a token have its size.
    shares: size ? tape.op('Mul', [shares, size]) : shares,
  };
}

/**
 * y' for few tokens. Each item is multiplied by its own block of A; its ranks h are rounded with a scale of their own and multiplied by
 * its block of B:
 *
 *   h = (levels ⊗ A) ∘ scale,   r = √mean(h²),   y' = y + Σ share · r · √u · (round(127 · h / (r · √u)) ⊗ B) / 127
 *
 * No rank is larger than r · √u. WHY not the largest rank: normalizing is one operator, and the largest of all is three. With the 16
 * ranks of a block, the largest is half of the bound on average: one of eight bits.
 *
 * WHY a product with the shares at the end: it selects, scales and adds at once. ScatterND with additions may run in parallel where
 * several items belong to one token.
 */
export function fewTokens(tape: Tape, y: Value, { b, a, scale, out }: ByteStack, inputs: FewInputs): Value {
  const { tokens, shares, step, middle } = inputs;
  const bound = Math.sqrt(byteBlock);
  const h = tape.op('MatMulIntegerToFloat', [tokens, a, step, scale, middle], { ...contrib, name: 'A' });
  const [unit, inverse] = tape.ops('SimplifiedLayerNormalization', [h, ones(tape, 1 / bound)], {
    // The ranks of an adapter that does not change the module are zeros.
    attributes: { axis: -1, epsilon: float(1e-30), stash_type: 1 },
    outputs: 2,
    dtype: 'float32',
  });
  if (unit === undefined || inverse === undefined) throw new TypeError('a normalization has two results');
  const rounded = tape.op('QuantizeLinear', [unit, step, middle]);
  const product = tape.op('MatMulIntegerToFloat', [rounded, b, step, tape.scalar(bound), middle], {
    ...contrib,
    name: 'B',
  });
  const own = tape.op('Div', [shares, tape.op('Reshape', [inverse, tape.int64s([1, -1])])]);
  return tape.op('Gemm', [own, tape.op('Reshape', [product, tape.int64s([-1, out])]), y], { name: 'shares' });
}

/**
 * y' for many tokens, of which nothing is rounded but A and B:
 *
 *   h = (x·A) ∘ (scale ∘ mask),   y' = y + h·B
 *
 * WHY another form: the matrices of one adapter are small beside x and y. Rounding would pass over these several times more, and a Gemm
 * adds y while it multiplies. WHY no DequantizeLinear: it computes on one thread, and takes three times as long as Cast and Mul.
 *
 * @param x     f32 [tokens, in]
 * @param mask  f32 [tokens, R] or [1, R]
 */
export function manyTokens(tape: Tape, { x, y, mask }: ManyInputs, { out, a, b, scale }: ByteStack): Value {
  const floats = (bytes: Value): Value =>
    tape.op('Cast', [bytes], { attributes: { to: dataTypeNumber('float32') }, dtype: 'float32' });
  const product = tape.op('MatMul', [x, floats(a)], { name: 'A' });
  const h = tape.op('Transpose', [product], { attributes: { perm: [1, 0, 2] } });
  const strengths = tape.op('Mul', [mask, tape.op('Reshape', [scale, tape.int64s([1, -1])])]);
  const own = tape.op('Mul', [tape.op('Reshape', [h, tape.int64s([0, -1])]), strengths], { name: 'mask' });
  return tape.op('Gemm', [own, floats(tape.op('Reshape', [b, tape.int64s([-1, out])])), y], { name: 'B' });
}

export interface ManyInputs {
  readonly x: Value;
  readonly y: Value;
  readonly mask: Value;
}

const contrib = { domain: 'com.microsoft', dtype: 'float32' } as const;

function ones(tape: Tape, value: number): Value {
  return tape.constant(
    tensorOf(
      'float32',
      [byteBlock],
      Array.from({ length: byteBlock }, () => value),
    ),
  );
}
