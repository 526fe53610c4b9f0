import { breathe, createRandom } from '../core/index.ts';
import { numberToBfloat16, numberToFloat16, typedArray, zerosOf, type TensorData } from '../tensor/index.ts';
import type { FloatType } from './non-finite.ts';

/** Numbers drawn before other tasks run: about a millisecond of work. */
const numbersPerSlice = 1 << 14;

export interface RandomWeight {
  readonly shape: readonly number[];
  readonly dtype: FloatType;
  readonly deviation: number;
  readonly seed: number;
  /** The name of the sequence of numbers. Each weight has its own sequence. */
  readonly stream: string;
  /** The result of `normalQuantiles()`, computed once for all weights. */
  readonly quantiles: Float64Array;
}

/**
 * A weight of normally distributed numbers with mean 0. The same seed and stream give the same bytes.
 *
 * WHY not the random numbers of `core` alone: a base has hundreds of millions of weights. Here those numbers seed a generator that is
 * fifty times faster.
 */
export async function randomWeight({ shape, dtype, seed, stream, ...normal }: RandomWeight): Promise<TensorData> {
  const tensor = zerosOf(dtype, shape);
  const values = typedArray(tensor);
  const bounds = normal.quantiles.map((quantile) => quantile * normal.deviation);
  const state = seedState(seed, stream);
  const bits = new Uint32Array(numbersPerSlice);
  const numbers = new Float32Array(numbersPerSlice);
  for (let start = 0; start < values.length; start += numbersPerSlice) {
    const count = Math.min(numbersPerSlice, values.length - start);
    fillBits(bits, state);
    fillNormal(numbers, bits, bounds);
    if (values instanceof Float32Array) values.set(numbers.subarray(0, count), start);
    else for (let i = 0; i < count; i++) values[start + i] = narrow[dtype](numbers[i] ?? 0);
    await breathe();
  }
  return tensor;
}

/** A weight filled with one number. */
export function constantWeight({
  shape,
  dtype,
  value,
}: Pick<RandomWeight, 'shape' | 'dtype'> & { value: number }): TensorData {
  const tensor = zerosOf(dtype, shape);
  typedArray(tensor).fill(narrow[dtype](value));
  return tensor;
}

const narrow: Readonly<Record<FloatType, (value: number) => number>> = {
  float32: (value) => value,
  float16: numberToFloat16,
  bfloat16: numberToBfloat16,
};

/** Number of equally likely intervals of the normal distribution. */
const parts = 2 ** 16;

/**
 * Normal numbers from uniform bits: the upper 16 bits choose an interval, the lower 16 bits a position within it.
 *
 * @param bounds  the bounds of the intervals, f64 [parts + 1]
 */
function fillNormal(out: Float32Array, bits: Uint32Array, bounds: Float64Array): void {
  for (let i = 0; i < out.length; i++) {
    const word = bits[i] ?? 0;
    const low = bounds[word >>> 16] ?? 0;
    out[i] = low + ((bounds[(word >>> 16) + 1] ?? 0) - low) * ((word & 0xffff) / parts);
  }
}

/** The bounds of the intervals, f64 [parts + 1], by integrating the density in small steps. The outermost bounds are ±5. */
export function normalQuantiles(): Float64Array {
  const step = 1e-4;
  const quantiles = new Float64Array(parts + 1);
  let below = 0;
  let part = 1;
  for (let x = -5; part < parts; x += step) {
    const mass = (step / Math.sqrt(2 * Math.PI)) * Math.exp(-((x + step / 2) ** 2) / 2);
    for (; part < parts && below + mass >= part / parts; part++) {
      quantiles[part] = x + (step * (part / parts - below)) / mass;
    }
    below += mass;
  }
  quantiles[0] = -5;
  quantiles[parts] = 5;
  return quantiles;
}

/** i32 [4]: the state of the generator, three words and a counter. */
function seedState(seed: number, stream: string): Int32Array {
  const random = createRandom(seed, stream);
  return Int32Array.from({ length: 4 }, (_, i) => (i === 3 ? 1 : random.integer(2 ** 32)));
}

/**
 * Fills an array with uniform bits of a chaotic generator with a counter. It continues from `state` and stores its new state there.
 *
 * WHY a whole array at a time: the loop can then keep the state in local variables.
 *
 * @see Doty-Humphrey, PractRand: sfc32
 */
function fillBits(out: Uint32Array, state: Int32Array): void {
  let [a = 0, b = 0, c = 0, counter = 0] = state;
  for (let i = 0; i < out.length; i++) {
    const word = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    out[i] = word;
  }
  state.set([a, b, c, counter]);
}
