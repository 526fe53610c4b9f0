import { breathe, createRandom } from '../core/index.ts';
import { numberToBfloat16, numberToFloat16, typedArray, zerosOf, type TensorData } from '../tensor/index.ts';
import type { FloatType } from './non-finite.ts';

/** Numbers drawn before timers and sockets get their turn: about a millisecond. */
const numbersPerSlice = 1 << 14;

export interface RandomWeight {
  readonly shape: readonly number[];
  readonly dtype: FloatType;
  readonly deviation: number;
  readonly seed: number;
  /** Names the sequence of numbers: each weight has its own. */
  readonly stream: string;
}

/**
 * A weight of normally distributed numbers with mean 0; the same seed and stream give the same bytes.
 *
 * WHY not the random numbers of `core` alone: a base has hundreds of millions of weights. Those numbers seed a generator that is
 * twenty times faster.
 */
export async function randomWeight({ shape, dtype, deviation, seed, stream }: RandomWeight): Promise<TensorData> {
  const tensor = zerosOf(dtype, shape);
  const values = typedArray(tensor);
  const next = fastRandom(seed, stream);
  const scratch = new Float32Array(numbersPerSlice);
  for (let start = 0; start < values.length; start += numbersPerSlice) {
    fillNormal(scratch, next, deviation);
    const count = Math.min(numbersPerSlice, values.length - start);
    for (let i = 0; i < count; i++) values[start + i] = narrow[dtype](scratch[i] ?? 0);
    await breathe();
  }
  return tensor;
}

/** A weight whose elements are all one number. */
export function constantWeight({
  shape,
  dtype,
  value,
}: Pick<RandomWeight, 'shape' | 'dtype'> & { value: number }): TensorData {
  const tensor = zerosOf(dtype, shape);
  typedArray(tensor).fill(narrow[dtype](value) as never);
  return tensor;
}

const narrow = {
  float32: (value: number) => value,
  float16: numberToFloat16,
  bfloat16: numberToBfloat16,
} as const satisfies Record<FloatType, (value: number) => number>;

/** Pairs of normal numbers from pairs of uniform ones (Box-Muller). @param out  even length */
function fillNormal(out: Float32Array, next: () => number, deviation: number): void {
  for (let i = 0; i < out.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32));
    const angle = next() * ((2 * Math.PI) / 2 ** 32);
    out[i] = radius * Math.cos(angle);
    out[i + 1] = radius * Math.sin(angle);
  }
}

/** 32-bit integers by a chaotic generator with a counter. @see Doty-Humphrey, PractRand: sfc32 */
function fastRandom(seed: number, stream: string): () => number {
  const seeds = createRandom(seed, stream);
  let a = seeds.integer(2 ** 32) | 0;
  let b = seeds.integer(2 ** 32) | 0;
  let c = seeds.integer(2 ** 32) | 0;
  let counter = 1;
  return () => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
}
