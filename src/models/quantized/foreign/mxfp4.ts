import { dividedRef, type Mxfp4Weight, type WeightRef } from '../../weight-ref.ts';
import { Problems } from '../quantized-weight.ts';

/** The number of neighbours in a row that share a scale. */
export const mxfp4Block = 32;

/** Twice the numbers of 4 bits (E2M1) by their codes, so that all are integers. @see OCP Microscaling Formats 1.0, section 5.3.3 */
export const mxfp4Doubles: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** Half of the scale that a byte (E8M0) stands for: 2^(byte − 127) / 2. */
export function mxfp4HalfScale(byte: number): number {
  return 2 ** (byte - 128);
}

/** A matrix of each expert, stored as `<name>_blocks` and `<name>_scales`. */
export interface Mxfp4Parameter {
  readonly name: string;
  readonly layers: readonly Mxfp4Layer[];
}

interface Mxfp4Layer {
  readonly path: string;
  readonly in: number;
  readonly out: number;
  readonly transposed?: boolean;
}

export interface Mxfp4Stack {
  readonly weights: readonly WeightRef[];
  readonly used: readonly string[];
  readonly problems: readonly string[];
}

/** Finds the matrices of experts that lie in blocks. Those of one parameter have the same sizes. @returns undefined if there are none */
export function mxfp4Stack(
  { name, layers }: Mxfp4Parameter,
  tensors: ReadonlyMap<string, WeightRef>,
): Mxfp4Stack | undefined {
  const [blocks, scales] = [tensors.get(`${name}_blocks`), tensors.get(`${name}_scales`)];
  const [first] = layers;
  if (blocks === undefined || first === undefined) return undefined;
  if (scales === undefined) return { weights: [], used: [], problems: [`${blocks.name} has no ${name}_scales`] };
  const problems = new Problems();
  const { in: columns, out: rows } = first;
  const groups = columns / mxfp4Block;
  if (tensors.has(name)) problems.add(`${name} lies beside ${blocks.name}, expected one of them`);
  if (!Number.isInteger(groups)) problems.add(`${blocks.name} is for ${columns} columns, no multiple of ${mxfp4Block}`);
  problems
    .expect(blocks, 'uint8', [layers.length, rows, groups, mxfp4Block / 2])
    .expect(scales, 'uint8', [layers.length, rows, groups]);
  const used = [blocks.name, scales.name];
  if (problems.list.length > 0) return { weights: [], used, problems: problems.list };
  const part = (layer: Mxfp4Layer, end: string): string => `${layer.path}.${end}`;
  const of = layers.map((layer) => ({ name: part(layer, 'scales'), shape: [rows, groups] }));
  const ofScales = dividedRef(scales, of);
  const parts = layers.map((layer) => ({ name: part(layer, 'weight'), shape: [rows, groups, mxfp4Block / 2] }));
  const weights = dividedRef(blocks, parts).flatMap((ref, i) => {
    const own = ofScales[i];
    if (own === undefined) return [];
    const quantized: Mxfp4Weight = { kind: 'mxfp4', rows, columns, turned: first.transposed === true, scales: own };
    return [{ ...ref, quantized }];
  });
  return { weights, used, problems: [] };
}

/**
 * w = f · 2^(s − 127); the lower half of a byte is the first of two neighbours.
 *
 * @returns f32 [rows, columns], all exact
 */
export function dequantizeMxfp4(
  { rows, columns }: Mxfp4Weight,
  { packed, scales }: { readonly packed: Uint8Array; readonly scales: Uint8Array },
): Float32Array {
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < values.length; i++) {
    const byte = packed[i >> 1] ?? 0;
    const double = mxfp4Doubles[i % 2 === 0 ? byte & 15 : byte >> 4] ?? 0;
    values[i] = double * mxfp4HalfScale(scales[Math.floor(i / mxfp4Block)] ?? 0);
  }
  return values;
}
