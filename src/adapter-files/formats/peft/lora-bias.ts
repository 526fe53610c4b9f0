import { EspalierError } from '../../../core/index.ts';
import type { AdapterPlan } from './peft-tensors.ts';

/**
 * The plan of an adapter with `lora_bias`: each module also has a bias behind its B.
 *
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED for modules that have none in PEFT
 */
export function withBiases(plan: AdapterPlan, { path }: { readonly path: string }): AdapterPlan {
  const odd = plan.targets.find(({ dora, kind = 'linear' }) => dora === true || kind !== 'linear');
  if (odd !== undefined) {
    const options = `lora_bias on ${odd.path}, which has use_dora or is not linear`;
    throw new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options });
  }
  return { ...plan, targets: plan.targets.map((target) => ({ ...target, hasBias: true })) };
}
