import { EspalierError } from '../../../core/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import { findTargets, PatternBudget, settingsOf, type LoraConfig } from '../../../lora/index.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from '../../../tensor/index.ts';
import type { AdapterFile, AdapterSource } from '../../source/adapter-source.ts';
import { baseToldByPeft } from './peft-modules.ts';
import { checkTensors, type AdapterPlan } from './peft-tensors.ts';
import { configOf, weightsFile, type ReadPeftConfig } from './read-peft-config.ts';
import { savedParameters, type WeightShapes } from './saved-parameters.ts';

/** The base that an adapter is compared with. */
export interface PeftBase {
  readonly modules: readonly AdaptableModule[];
  /** The base's own weights, which say what `modules_to_save` means; without them only its modules are known. */
  readonly weights?: WeightShapes | undefined;
}

/** A PEFT folder whose configuration and header were read, and fit each other and the base. */
export interface PeftStructure extends Pick<ReadPeftConfig, 'config' | 'baseName'> {
  readonly plan: AdapterPlan;
  readonly weights: AdapterFile;
  readonly entries: SafetensorsHeader['entries'];
}

/** Adapters come from anywhere, also while serving, and have a few hundred tensors: no header needs a tenth of this. */
const maxHeaderBytes = 8_000_000;

/**
 * Reads everything of a PEFT folder but its numbers, and checks it.
 *
 * @param base  undefined: what the tensors themselves say of one
 * @throws EspalierError FILE_NOT_FOUND, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED, LORA_PATTERN_INVALID, LORA_BASE_MISMATCH,
 *   LORA_TENSORS_INVALID, SAFETENSORS_*
 */
export async function peftStructure(source: AdapterSource, base: PeftBase | undefined): Promise<PeftStructure> {
  const { config, baseName, path: configPath } = await configOf(source);
  const weights = source.requiredFile(weightsFile);
  const { entries } = await readSafetensorsHeader(weights, { maxHeaderBytes });
  const told = base ?? baseToldByPeft(entries.values());
  const plan = planOf(config, told);
  assertKinds(plan, configPath);
  checkTensors({ path: weights.path, tensors: entries, baseName }, plan, told.modules);
  return { config, baseName, plan, weights, entries };
}

/** WHY a pattern may fit nothing here: PEFT lets it pass, and the tensors say exactly which modules there are. */
function planOf(config: LoraConfig, { modules, weights }: PeftBase): AdapterPlan {
  const budget = new PatternBudget();
  const { modules: paths } = findTargets(modules, config, budget);
  const settings = settingsOf(config, paths, budget);
  const targets = modules.flatMap((module) => {
    const setting = settings.get(module.path);
    const dora = config.useDora === true;
    return setting === undefined ? [] : [{ ...module, ...setting, ...(dora && { dora }) }];
  });
  return { targets, saved: savedParameters(config.modulesToSave ?? [], modules, weights) };
}

/** PEFT knows a size of rows for tables and convolutions too; the graphs here do not. */
function assertKinds({ targets }: AdapterPlan, path: string): void {
  const others = targets.filter(({ dora, kind = 'linear' }) => dora === true && kind !== 'linear');
  if (others.length === 0) return;
  const options = others.map((target) => `use_dora on ${target.path}, which is no linear module`).join(', ');
  throw new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options });
}
