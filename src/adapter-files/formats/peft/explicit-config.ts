import type { LoraConfig } from '../../../lora/index.ts';
import type { TargetModule } from './peft-names.ts';

/** The same configuration with every module named by its whole path, for modules whose patterns would not find them again. */
export function explicitConfig(
  { excludeModules: _, layersToTransform: __, layersPattern: ___, ...config }: LoraConfig,
  targets: readonly TargetModule[],
): LoraConfig {
  const alphaOf = ({ rank, scaling }: TargetModule): number =>
    scaling * (config.useRslora === true ? Math.sqrt(rank) : rank);
  const others = targets.filter((target) => target.rank !== config.rank || alphaOf(target) !== config.alpha);
  return {
    ...config,
    targetModules: targets.map(({ path }) => path),
    rankPattern: Object.fromEntries(others.map((target) => [target.path, target.rank])),
    alphaPattern: Object.fromEntries(others.map((target) => [target.path, alphaOf(target)])),
  };
}
