import type { LoraConfig } from '../../../lora/index.ts';
import type { TargetModule } from './peft-names.ts';

/** The same configuration with every module named by its whole path, for modules whose patterns would not find them again. */
export function explicitConfig(config: LoraConfig, targets: readonly TargetModule[]): LoraConfig {
  const { rank, alpha, dropout, useRslora, useDora, fanInFanOut, taskType, modulesToSave } = config;
  const alphaOf = (target: TargetModule): number =>
    target.scaling * (useRslora === true ? Math.sqrt(target.rank) : target.rank);
  const others = targets.filter((target) => target.rank !== rank || alphaOf(target) !== alpha);
  return {
    rank,
    alpha,
    dropout,
    targetModules: targets.map(({ path }) => path),
    rankPattern: Object.fromEntries(others.map((target) => [target.path, target.rank])),
    alphaPattern: Object.fromEntries(others.map((target) => [target.path, alphaOf(target)])),
    ...(useRslora !== undefined && { useRslora }),
    ...(useDora !== undefined && { useDora }),
    ...(fanInFanOut !== undefined && { fanInFanOut }),
    ...(taskType !== undefined && { taskType }),
    ...(modulesToSave && { modulesToSave }),
  };
}
