import { breathe } from '../../core/index.ts';
import { assertPlain, type Adapter, type ModuleWeights } from '../../lora/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import type { ScoredModule } from './scoring-parts.ts';

/** An adapter and its strength: 1 applies it as it was trained, 0 not at all. */
export interface WeightedAdapter extends Pick<Adapter, 'modules' | 'saved'> {
  readonly scale?: number;
}

/** The merged update of several adapters for one module. Its scaling is 1. */
export interface MergedModule {
  readonly path: string;
  readonly rank: number;
  /** f32 [rank, in] */
  readonly a: TensorData;
  /** f32 [out, rank] */
  readonly b: TensorData;
  /** f32 [out]; only for a single DoRA adapter. */
  readonly magnitude?: TensorData;
  /** f32 [out]; only if an adapter has one (`lora_bias`). */
  readonly bias?: TensorData;
}

/** The module as a graph gets it. */
export function scoredModule({ path, rank, magnitude, bias }: MergedModule): ScoredModule {
  return { path, rank, scaling: 1, hasMagnitude: magnitude !== undefined, hasBias: bias !== undefined };
}

/** The inputs of such a graph. */
export function inputsOf({ path, a, b, magnitude, bias }: MergedModule): [input: string, tensor: TensorData][] {
  const tensors = {
    lora_A: a,
    lora_B: b,
    ...(magnitude && { lora_magnitude: magnitude }),
    ...(bias && { lora_bias: bias }),
  };
  return Object.entries(tensors).map(([part, tensor]) => [`${path}.${part}`, tensor]);
}

/**
 * Merges adapters, module by module. The ranks are concatenated; scaling and strength are multiplied into B.
 *
 *   Σ sᵢ·Bᵢ·Aᵢ = [s₁B₁ s₂B₂ …]·[A₁; A₂; …]
 *
 * A DoRA adapter is not such a product, and neither are parameters that an adapter replaces as a whole (the caller handles these). An
 * adapter with such parts can only be applied alone and with strength 1.
 *
 * @throws EspalierError LORA_PARTS_NOT_APPLIED for an adapter with such parts among several, or with another strength
 */
export async function mergeAdapters(adapters: readonly WeightedAdapter[]): Promise<MergedModule[]> {
  const isAlone = adapters.length === 1 && (adapters[0]?.scale ?? 1) === 1;
  for (const adapter of adapters) {
    assertPlain(
      'given',
      adapter,
      isAlone
        ? { place: 'scoring', allowed: ['magnitudes', 'parameters', 'biases'] }
        : { place: 'a weighted sum', allowed: ['biases'] },
    );
  }
  const paths = new Set(adapters.flatMap(({ modules }) => [...modules.keys()]));
  const merged: MergedModule[] = [];
  for (const path of paths) {
    const parts = adapters.flatMap(({ modules, scale = 1 }) => {
      const module = modules.get(path);
      return module ? [{ ...module, scaling: module.scaling * scale }] : [];
    });
    merged.push({ path, ...mergeModule(parts) });
    await breathe();
  }
  return merged;
}

function mergeModule(parts: readonly ModuleWeights[]): Omit<MergedModule, 'path'> {
  const rank = parts.reduce((sum, part) => sum + part.rank, 0);
  const width = parts[0]?.a.shape[1] ?? 0;
  const out = parts[0]?.b.shape[0] ?? 0;
  const a = new Float32Array(rank * width);
  const b = new Float32Array(out * rank);
  let start = 0;
  for (const part of parts) {
    a.set(toFloat32(part.a), start * width);
    const values = toFloat32(part.b);
    for (let row = 0; row < out; row++) {
      for (let i = 0; i < part.rank; i++) b[row * rank + start + i] = part.scaling * (values[row * part.rank + i] ?? 0);
    }
    start += part.rank;
  }
  const magnitude = parts[0]?.magnitude;
  const bias = sumOfBiases(parts, out);
  return {
    rank,
    a: tensorOf('float32', [rank, width], a),
    b: tensorOf('float32', [out, rank], b),
    ...(magnitude && { magnitude }),
    ...(bias && { bias }),
  };
}

function sumOfBiases(parts: readonly ModuleWeights[], out: number): TensorData | undefined {
  if (parts.every(({ bias }) => bias === undefined)) return undefined;
  const sum = new Float32Array(out);
  for (const { bias, scaling } of parts) {
    if (bias !== undefined) toFloat32(bias).forEach((value, i) => (sum[i] = (sum[i] ?? 0) + scaling * value));
  }
  return tensorOf('float32', [out], sum);
}
