import { EspalierError } from '../../core/index.ts';
import type { FeedForward, MixtureLayer } from '../graph/mixture.ts';
import { dividedRef, type WeightRef } from '../weight-ref.ts';
import type { DecoderConfig } from './decoder-config.ts';

/** A tensor that holds a matrix of every expert, and the matrices that lie in it one after another. */
interface Stack {
  readonly name: string;
  readonly shape: readonly number[];
  /** Names and shapes of the parts, in the order of the memory. */
  readonly parts: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/**
 * Divides tensors that hold the matrices of all experts of a layer, as transformers 5 arranges them in memory and some checkpoints
 * store them: `experts.gate_up_proj` [experts, 2·inner, hidden] and `experts.down_proj` [experts, hidden, inner]. Each part is a
 * range of the same file, so nothing is copied.
 *
 * @param tensors  by the names of the configuration
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH if such a tensor has another shape
 */
export function divideExperts(
  tensors: ReadonlyMap<string, WeightRef>,
  { dir, config }: { readonly dir: string; readonly config: DecoderConfig },
): ReadonlyMap<string, WeightRef> {
  const stacks = config.blocks.flatMap(({ mlp }) => (mlp ? stacksOf(mlp) : [])).filter(({ name }) => tensors.has(name));
  if (stacks.length === 0) return tensors;
  const divided = new Map(tensors);
  const problems: string[] = [];
  for (const stack of stacks) {
    const ref = tensors.get(stack.name);
    divided.delete(stack.name);
    if (ref?.shape.join() === stack.shape.join())
      for (const part of dividedRef(ref, stack.parts)) divided.set(part.name, part);
    else problems.push(`${stack.name} is [${ref?.shape.join(', ') ?? ''}], expected [${stack.shape.join(', ')}]`);
  }
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems });
  return divided;
}

function stacksOf(layer: FeedForward): Stack[] {
  if (layer.kind !== 'mixture') return [];
  return [stackOf(layer, 'gate_up_proj', ['gate', 'up']), stackOf(layer, 'down_proj', ['down'])];
}

function stackOf({ path, experts }: MixtureLayer, name: string, matrices: readonly ('gate' | 'up' | 'down')[]): Stack {
  const layers = experts.flatMap((expert) => matrices.map((matrix) => expert[matrix]));
  const [first] = layers;
  return {
    name: `${path}.experts.${name}`,
    shape: [experts.length, matrices.length * (first?.out ?? 0), first?.in ?? 0],
    parts: layers.map((layer) => ({ name: `${layer.path}.weight`, shape: [layer.out, layer.in] })),
  };
}
