import { EspalierError } from '../../../core/index.ts';
import type { BaseEmbeddings } from '../../../models/index.ts';
import { assertFinite, tensorOf, toFloat32, type TensorData, type TensorOf } from '../../../tensor/index.ts';
import { peftName, type TargetModule } from './peft-names.ts';
import type { AdapterPlan } from './peft-tensors.ts';

/**
 * The plan of an adapter with `lora_bias`: each module also has a bias behind its B.
 *
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED without the base, whose biases it adds to, and for modules that have none in PEFT
 */
export function withBiases(
  plan: AdapterPlan,
  {
    path,
    base,
  }: { readonly path: string; readonly base: { readonly embeddings?: BaseEmbeddings | undefined } | undefined },
): AdapterPlan {
  const odd = plan.targets.find(({ dora, kind = 'linear' }) => dora === true || kind !== 'linear');
  const what =
    odd === undefined
      ? 'without the base, to whose biases it adds: name the base'
      : `on ${odd.path}, which has use_dora or is not linear`;
  if (odd !== undefined || base?.embeddings === undefined) {
    throw new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options: `lora_bias ${what}` });
  }
  return { ...plan, targets: plan.targets.map((target) => ({ ...target, hasBias: true })) };
}

/**
 * The biases of the base with those of the adapter:
 *
 *   y = W·x + b + s·(B·A·x + c)      b' = b + s·c
 *
 * WHY as whole parameters: nothing else in a graph needs to know of them.
 *
 * @throws EspalierError LORA_BASE_MISMATCH if the base has no bias there; TENSOR_NOT_FINITE
 */
export async function addedBiases(
  targets: readonly TargetModule[],
  {
    tensors,
    embeddings,
    path,
  }: {
    readonly tensors: ReadonlyMap<string, TensorData>;
    readonly embeddings: BaseEmbeddings | undefined;
    readonly path: string;
  },
): Promise<[name: string, bias: TensorOf<'float32'>][]> {
  const result: [string, TensorOf<'float32'>][] = [];
  for (const target of targets.filter(({ hasBias }) => hasBias === true)) {
    const name = peftName(target, 'bias');
    const stored = tensors.get(name);
    const own = await embeddings?.bias(target.path);
    if (stored === undefined || own?.length !== target.out) {
      const problems = [`${target.path} has no bias in the base, to which that of lora_bias is added`];
      throw new EspalierError('LORA_BASE_MISMATCH', { path, base: '', problems });
    }
    const values = toFloat32(stored).map((value, i) => (own[i] ?? NaN) + target.scaling * value);
    const bias = tensorOf('float32', [target.out], values);
    await assertFinite(bias, `${name} in ${path}`);
    result.push([`${target.path}.bias`, bias]);
  }
  return result;
}
