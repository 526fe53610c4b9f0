import { tensorOf, type TensorData } from '../../tensor/index.ts';

/** Cosines and sines of every position, each f32 [positions, headDim / 2]. */
export interface RopeTables {
  readonly cos: TensorData;
  readonly sin: TensorData;
}

/**
 * The rotary tables. Coordinates `i` and `i + headDim / 2` of a head turn together ("half-split", as Hugging Face stores Llama), by
 *
 *   position · theta^(−2i / headDim)        i = 0 … headDim / 2 − 1
 *
 * WHY f64 inside: the angle at position 100,000 in f32 is off by up to 0.004.
 *
 * @see Su et al. 2021 (RoFormer), eq. 15
 */
export function ropeTables({
  positions,
  headDim,
  theta,
}: {
  positions: number;
  headDim: number;
  theta: number;
}): RopeTables {
  const half = headDim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let i = 0; i < half; i++) {
    const frequency = theta ** ((-2 * i) / headDim);
    for (let position = 0; position < positions; position++) {
      cos[position * half + i] = Math.cos(position * frequency);
      sin[position * half + i] = Math.sin(position * frequency);
    }
  }
  return { cos: tensorOf('float32', [positions, half], cos), sin: tensorOf('float32', [positions, half], sin) };
}
