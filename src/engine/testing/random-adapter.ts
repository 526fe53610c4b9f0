import { createRandom } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';

export interface RandomAdapterOptions {
  readonly linears: readonly AdaptableModule[];
  readonly rank: number;
  readonly seed: number;
  /** Size of the values of B: how much it changes the base. */
  readonly strength?: number;
}

/** An adapter of random A and B on the given modules, fixed by its seed. */
export function createRandomAdapter({ linears, rank, seed, strength = 0.3 }: RandomAdapterOptions): Adapter {
  const alpha = 2 * rank;
  const modules = linears.map(({ path, in: width, out }) => {
    const random = createRandom(seed, path);
    const a = Float32Array.from({ length: rank * width }, () => random.normal() / Math.sqrt(width));
    const b = Float32Array.from({ length: out * rank }, () => (random.normal() * strength) / Math.sqrt(rank));
    const weights = {
      rank,
      scaling: alpha / rank,
      a: tensorOf('float32', [rank, width], a),
      b: tensorOf('float32', [out, rank], b),
    };
    return [path, weights] as const;
  });
  const targetModules = linears.map(({ path }) => path);
  return {
    config: { rank, alpha, dropout: 0, targetModules },
    modules: new Map(modules),
    baseName: undefined,
    digest: `random ${seed} of rank ${rank} on ${modules.length}`,
  };
}
