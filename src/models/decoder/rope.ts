import { tensorOf, type TensorData } from '../../tensor/index.ts';
import {
  longRope,
  type LongRopeScaling,
  llama3Rope,
  type Llama3Scaling,
  yarnRope,
  type YarnScaling,
} from './rope-scaling.ts';

/** The rotary embedding of a layer: how positions rotate the heads. */
export interface RopeConfig {
  readonly theta: number;
  /** The number of leading coordinates of a head that are rotated. The others stay unchanged. */
  readonly dims: number;
  /** Whether coordinates 2i and 2i + 1 form a pair. Otherwise coordinates i and i + dims / 2 do. */
  readonly interleaved?: boolean;
  readonly scaling: RopeScaling;
}

export type RopeScaling =
  | { readonly kind: 'none' }
  /** Positions are divided by the factor. */
  | { readonly kind: 'linear'; readonly factor: number }
  /** Only the first `turning` pairs turn, by frequencies that are divided by the factor. */
  | { readonly kind: 'proportional'; readonly turning: number; readonly factor: number }
  /** The base grows with the length of the row when it exceeds `originalLength`. */
  | { readonly kind: 'dynamic'; readonly factor: number; readonly originalLength: number }
  | Llama3Scaling
  | YarnScaling
  | LongRopeScaling;

/** The frequencies of the pairs, and the factor of their cosines and sines. */
export interface RopeFrequencies {
  /** [dims / 2] */
  readonly frequencies: Float64Array;
  readonly magnitude: number;
}

/** theta^(−2i / dims), i = 0 … dims / 2 − 1. @see Su et al. 2021 (RoFormer), eq. 15 */
export function plainFrequencies({ theta, dims }: Pick<RopeConfig, 'theta' | 'dims'>): Float64Array {
  return Float64Array.from({ length: dims / 2 }, (_, i) => theta ** ((-2 * i) / dims));
}

/**
 * Computes the frequencies. With `dynamic` scaling the frequencies change with every length beyond the original one, so the graph
 * computes them; this function then returns those for lengths up to the original one.
 *
 * @param beyond  whether the row is longer than the original length; only longrope uses it
 */
export function ropeFrequencies(rope: RopeConfig, { beyond }: { readonly beyond: boolean }): RopeFrequencies {
  const { scaling } = rope;
  const plain = plainFrequencies(rope);
  switch (scaling.kind) {
    case 'none':
    case 'dynamic':
      return { frequencies: plain, magnitude: 1 };
    case 'linear':
      return { frequencies: plain.map((frequency) => frequency / scaling.factor), magnitude: 1 };
    case 'proportional': {
      const { turning, factor } = scaling;
      return { frequencies: plain.map((frequency, i) => (i < turning ? frequency / factor : 0)), magnitude: 1 };
    }
    case 'llama3':
      return { frequencies: llama3Rope(plain, scaling), magnitude: 1 };
    case 'yarn':
      return { frequencies: yarnRope(plain, { ...scaling, theta: rope.theta }), magnitude: scaling.magnitude };
    case 'longrope':
      return { frequencies: longRope(plain, scaling, beyond), magnitude: scaling.magnitude };
  }
}

/** The length beyond which frequencies depend on the length of the row; undefined when they never do. */
export function changingLength({ scaling }: RopeConfig): number | undefined {
  return scaling.kind === 'dynamic' || scaling.kind === 'longrope' ? scaling.originalLength : undefined;
}

/** The cosines and sines of every position, each f32 [positions, dims / 2]. For several sets of frequencies the tables are concatenated. */
export interface RopeTables {
  readonly cos: TensorData;
  readonly sin: TensorData;
}

/**
 * Computes the rotary tables: the cosines and sines of position · frequency.
 *
 * WHY f64 inside: in f32 the angle at position 100,000 has an error of up to 0.004.
 */
export function ropeTables(positions: number, variants: readonly RopeFrequencies[]): RopeTables {
  const half = variants[0]?.frequencies.length ?? 0;
  const cos = new Float32Array(variants.length * positions * half);
  const sin = new Float32Array(variants.length * positions * half);
  variants.forEach(({ frequencies, magnitude }, variant) => {
    const start = variant * positions * half;
    frequencies.forEach((frequency, i) => {
      for (let position = 0; position < positions; position++) {
        cos[start + position * half + i] = magnitude * Math.cos(position * frequency);
        sin[start + position * half + i] = magnitude * Math.sin(position * frequency);
      }
    });
  });
  const shape = [variants.length * positions, half];
  return { cos: tensorOf('float32', shape, cos), sin: tensorOf('float32', shape, sin) };
}
