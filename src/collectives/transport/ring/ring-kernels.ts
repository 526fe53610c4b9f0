import { bytesOf, reduceInto, type Floats, type TransportOp } from '../../floats.ts';
import { segmentBytes } from './plan.ts';
import * as wasm from './wasm-code.ts';

/** What is done with every byte of a ring. */
export interface RingKernels {
  /** Room for the payload of one frame, in which it is checked and joined without a copy. */
  readonly staging: Uint8Array;
  /** The checksum of a payload of one frame at most, wherever it lies. */
  checksum(payload: Uint8Array): number;
  /**
   * As `reduceInto`: elements of `into` from `start` on become the sum, or the larger, of themselves and those of a payload.
   * @returns with `isChecked`, the checksum of what they are then, where it costs less here than by `checksum`
   */
  reduce(into: Floats, payload: Uint8Array, how: ReduceHow): number | undefined;
}

export interface ReduceHow {
  readonly op: TransportOp;
  readonly start: number;
  readonly isChecked?: boolean;
}

/** WHY declared here: its types come with those of browsers, which this package does not take. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** What a loop takes at once. Behind each room there is as much, so that the last turn stays in it. */
const strideBytes = 128;
const offsets = Array.from({ length: strideBytes / 16 }, (_, i) => 16 * i);
const laneCount = strideBytes / 4;
const roomBytes = segmentBytes + strideBytes;
const places = { staging: 0, scratch: roomBytes, lanes: 2 * roomBytes } as const;
/** Two of xxHash32's, which mix well. */
const primes = [0x9e3779b1, 0x85ebca77] as const;

/**
 * Kernels of WebAssembly over 128-bit vectors. WHY not in JavaScript: a CRC-32 and a loop over numbers took 72 and 68 µs for each piece of
 * 256 KiB, which was more than the kernel of the system takes to move it; these take about 20 and 13. They give the bits that
 * the loops of `reduceInto` give.
 *
 * The checksum is one round of xxHash32 for each of 32 words side by side, whose states are then hashed with the length. WHY no longer a
 * CRC: no table and no chain of bytes, so that it runs at the speed of the memory. Any change of one word is found, and of several
 * with a probability of 1 − 2⁻³².
 */
export function createKernels(): RingKernels {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(kernelCode()));
  // WHY as: the types of exports are those of the functions below.
  const { memory, sum, max, hash } = instance.exports as KernelExports;
  const all = new Uint8Array(memory.buffer);
  const lanes = new Int32Array(memory.buffer, places.lanes, laneCount);
  const staging = all.subarray(places.staging, places.staging + segmentBytes);
  /** Where a payload lies in the memory of the kernels; it is copied to `place` if it lies elsewhere. */
  const brought = (payload: Uint8Array, place: number): number => {
    if (payload.buffer === memory.buffer) return payload.byteOffset;
    all.set(payload, place);
    return place;
  };
  const hashed = (place: number, byteLength: number): number => {
    const whole = wholeStrides(byteLength);
    all.fill(0, place + byteLength, place + whole);
    for (let lane = 0; lane < laneCount; lane++) lanes[lane] = lane;
    if (whole > 0) hash(places.lanes, place, whole);
    return folded(lanes, byteLength);
  };
  return {
    staging,
    checksum(payload) {
      const { byteLength } = payload;
      return hashed(brought(payload, places.scratch), byteLength);
    },
    reduce(into, payload, { op, start, isChecked = false }) {
      if (into instanceof Float64Array) {
        const numbers = new Float64Array(payload.buffer, payload.byteOffset, payload.byteLength / 8);
        reduceInto(into, numbers, { op, start });
        return undefined;
      }
      const { byteLength } = payload;
      if (byteLength === 0) return undefined;
      const target = bytesOf(into).subarray(4 * start, 4 * start + byteLength);
      const from = brought(payload, places.staging);
      all.set(target, places.scratch);
      (op === 'sum' ? sum : max)(places.scratch, from, wholeStrides(byteLength));
      target.set(all.subarray(places.scratch, places.scratch + byteLength));
      return isChecked ? hashed(places.scratch, byteLength) : undefined;
    },
  };
}

type Kernel = (into: number, from: number, bytes: number) => void;

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly sum: Kernel;
  readonly max: Kernel;
  readonly hash: Kernel;
}

function wholeStrides(bytes: number): number {
  return Math.ceil(bytes / strideBytes) * strideBytes;
}

/** One number of all lanes and the length. */
export function folded(lanes: Int32Array, byteLength: number): number {
  let hash = byteLength | 0;
  for (const lane of lanes) {
    hash = Math.imul(((hash << 13) | (hash >>> 19)) ^ lane, primes[0]);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function kernelCode(): Uint8Array<ArrayBuffer> {
  const functions = [
    { name: 'sum', vectors: 0, code: joining('f32x4.add') },
    { name: 'max', vectors: 0, code: joining('f32x4.max') },
    { name: 'hash', vectors: offsets.length + 3, code: hashing() },
  ];
  return wasm.moduleOf(functions, places.lanes + strideBytes);
}

/** The parameters of every kernel. */
const [into, from, left] = [0, 1, 2] as const;

/** into[i] = op(into[i], from[i]) */
function joining(op: wasm.VectorOp): wasm.Code {
  const { get, load, store, vector, advance, repeat } = wasm;
  const turn = offsets.flatMap((at) => [
    ...get(into),
    ...get(into),
    ...load(at),
    ...get(from),
    ...load(at),
    ...vector(op),
    ...store(at),
  ]);
  return repeat(left, [
    ...turn,
    ...advance(into, strideBytes),
    ...advance(from, strideBytes),
    ...advance(left, -strideBytes),
  ]);
}

/** lane = rotl(lane + word · p₁, 13) · p₀, for each lane at `into` and the words at `from` */
function hashing(): wasm.Code {
  const { get, set, load, store, constant, vector, advance, repeat } = wasm;
  const states = offsets.map((_, i) => 3 + i);
  const [p0, p1, sum] = [3, 4, 5].map((i) => offsets.length + i) as [number, number, number];
  const begin = offsets.flatMap((at, i) => [...get(into), ...load(at), ...set(states[i] ?? 0)]);
  const prime = (i: 0 | 1, local: number): wasm.Code => [
    ...constant(primes[i]),
    ...vector('i32x4.splat'),
    ...set(local),
  ];
  const turn = offsets.flatMap((at, i) => [
    ...get(states[i] ?? 0),
    ...get(from),
    ...load(at),
    ...get(p1),
    ...vector('i32x4.mul'),
    ...vector('i32x4.add'),
    ...set(sum),
    ...get(sum),
    ...constant(13),
    ...vector('i32x4.shl'),
    ...get(sum),
    ...constant(19),
    ...vector('i32x4.shr_u'),
    ...vector('v128.or'),
    ...get(p0),
    ...vector('i32x4.mul'),
    ...set(states[i] ?? 0),
  ]);
  const loop = repeat(left, [...turn, ...advance(from, strideBytes), ...advance(left, -strideBytes)]);
  const end = offsets.flatMap((at, i) => [...get(into), ...get(states[i] ?? 0), ...store(at)]);
  return [...begin, ...prime(0, p0), ...prime(1, p1), ...loop, ...end];
}
