import { goldenDir } from './fixtures.ts';
import { loadSafetensors, toFloat32, typedArray, type TensorData } from '../../tensor/index.ts';

/** The results of transformers and PEFT for a golden case. */
export interface Golden {
  /** The rows without padding. */
  readonly rows: readonly (readonly number[])[];
  /** The padded rows, [rows, seq]. */
  readonly inputIds: TensorData;
  readonly vocabulary: number;
  readonly labels: readonly (readonly number[])[];
  /** The logits, f32 [vocab], for a position of a row. */
  logits(state: 'base' | 'adapter' | 'trained', row: number, position: number): Float32Array;
  greedy(state: 'base' | 'adapter' | 'trained'): readonly number[];
}

export async function loadGolden(name: string): Promise<Golden> {
  const { tensors } = await loadSafetensors(goldenDir(name, 'expected.safetensors'));
  const get = (key: string): TensorData => {
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new Error(`the golden case ${name} has no ${key}`);
    return tensor;
  };
  const table = (key: string): number[][] => {
    const values = Array.from(typedArray(get(key)), Number);
    const width = get(key).shape[1] ?? 0;
    return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
  };
  const lengths = table('attention_mask').map((mask) => mask.filter((bit) => bit === 1).length);
  const inputIds = get('input_ids');
  return {
    inputIds,
    vocabulary: get('base_logits').shape.at(-1) ?? 0,
    rows: table('input_ids').map((ids, row) => ids.slice(0, lengths[row])),
    labels: table('labels'),
    logits: (state, row, position) => {
      const [, seq = 0, vocab = 0] = get(`${state}_logits`).shape;
      const start = (row * seq + position) * vocab;
      return toFloat32(get(`${state}_logits`)).subarray(start, start + vocab);
    },
    greedy: (state) => table(`greedy_${state}`)[0] ?? [],
  };
}

/** The largest absolute difference of two arrays; NaN if either contains NaN. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs((a[i] ?? NaN) - (b[i] ?? NaN)));
  return largest;
}
