import { join } from 'node:path';
import { breathe, EspalierError } from '../../../core/index.ts';
import { assertFinite, parseSafetensors, type TensorData, type TensorOf } from '../../../tensor/index.ts';
import {
  type Adapter,
  findTargets,
  type LoraConfig,
  type ModuleWeights,
  type SavedParameter,
  settingsOf,
} from '../../../lora/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import { adapterDigest } from '../../identity.ts';
import type { TargetModule } from './peft-names.ts';
import { asFloat32, checkTensors, moduleTensors, weightsOf, type AdapterPlan } from './peft-tensors.ts';
import { readAdapterFile, readPeftConfig } from './read-peft-config.ts';
import { savedName, savedParameters, type WeightShapes } from './saved-parameters.ts';

export const weightsFile = 'adapter_model.safetensors';

export interface LoadAdapterOptions {
  /** The base's own weights, which say what `modules_to_save` means; without them only its modules are known. */
  readonly weights?: WeightShapes;
}

/** Adapters come from anywhere, also while serving, and have a few hundred tensors: no header needs a tenth of this. */
const maxHeaderBytes = 8_000_000;

/**
 * Reads a PEFT folder and checks it against the base: nothing may be missing, unexpected or mis-shaped, and no number
 * may be NaN or infinite. Half-width weights become f32.
 *
 * @param modules  of the base
 * @throws EspalierError FILE_NOT_FOUND, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED, LORA_PATTERN_INVALID,
 *   LORA_BASE_MISMATCH, LORA_TENSORS_INVALID, TENSOR_NOT_FINITE, SAFETENSORS_*
 */
export async function loadPeftAdapter(
  dir: string,
  modules: readonly AdaptableModule[],
  options: LoadAdapterOptions = {},
): Promise<Adapter> {
  const { config, baseName, path: configPath } = await readPeftConfig(dir);
  const weightsPath = join(dir, weightsFile);
  // WHY at once: header and tensors must be of one file, even when another takes its place meanwhile.
  const weightsBytes = await readAdapterFile(weightsPath);
  const { tensors } = await parseSafetensors(weightsBytes, weightsPath, { maxHeaderBytes });
  const plan = planOf(config, modules, options);
  assertKinds(plan, configPath);
  checkTensors({ path: weightsPath, tensors, baseName }, plan, modules);
  const weights = await readModules(plan.targets, tensors, weightsPath);
  const saved = await readSaved(plan.saved, tensors, weightsPath);
  const digest = await adapterDigest({ modules: weights, saved });
  return { config, modules: weights, ...(saved.size > 0 && { saved }), digest, baseName };
}

/** WHY a pattern may fit nothing here: PEFT lets it pass, and the tensors say exactly which modules there are. */
function planOf(config: LoraConfig, modules: readonly AdaptableModule[], { weights }: LoadAdapterOptions): AdapterPlan {
  const { modules: paths } = findTargets(modules, config);
  const settings = settingsOf(config, paths);
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

async function readModules(
  targets: readonly TargetModule[],
  tensors: ReadonlyMap<string, TensorData>,
  path: string,
): Promise<Map<string, ModuleWeights>> {
  const result = new Map<string, ModuleWeights>();
  for (const target of targets) {
    await breathe();
    const parts = await moduleTensors(target, tensors);
    // WHY after the conversion: a number that f64 holds may be infinite in f32.
    for (const { name, tensor } of Object.values(parts)) await assertFinite(tensor, `${name} in ${path}`);
    result.set(target.path, weightsOf(target, parts));
  }
  return result;
}

async function readSaved(
  parameters: readonly SavedParameter[],
  tensors: ReadonlyMap<string, TensorData>,
  path: string,
): Promise<Map<string, TensorOf<'float32'>>> {
  const result = new Map<string, TensorOf<'float32'>>();
  for (const parameter of parameters) {
    await breathe();
    const stored = tensors.get(savedName(parameter));
    if (stored === undefined) continue;
    const tensor = await asFloat32(stored);
    await assertFinite(tensor, `${savedName(parameter)} in ${path}`);
    result.set(parameter.name, tensor);
  }
  return result;
}
