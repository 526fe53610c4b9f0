import { EspalierError, finishInSlices, type Steps } from '../../../core/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import {
  doubledConfig,
  PatternBudget,
  settingSteps,
  targetSteps,
  type LoraConfig,
  type WeightStart,
} from '../../../lora/index.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from '../../../tensor/index.ts';
import type { AdapterContents, AdapterFile } from '../../source/adapter-source.ts';
import { fingerprintKey, readFingerprint, type BaseEmbeddings } from '../../../models/index.ts';
import { checkFingerprint } from '../check-base.ts';
import { noWeightsIn } from '../explain-adapter.ts';
import { explicitConfig } from './explicit-config.ts';
import { assertStart, differenceTargets } from './initial-part.ts';
import { withBiases } from './lora-bias.ts';
import { namingOf, ourPath, renamedBase, renamedEntries, type Naming } from './other-names.ts';
import { baseToldByPeft } from './peft-modules.ts';
import { isWrapped, type TargetModule } from './peft-names.ts';
import { checkTensors, type AdapterPlan } from './peft-tensors.ts';
import { configOf, weightsFile, type ReadPeftConfig } from './read-peft-config.ts';
import { planTokens, withoutTokens, type TokenRows } from './trainable-tokens.ts';
import { savedParameters, type WeightShapes } from './saved-parameters.ts';

/** The base with which an adapter is compared. */
export interface PeftBase {
  readonly modules: readonly AdaptableModule[];
  /** The weights of the base, by which `modules_to_save` is resolved. Without them only the modules of the base are known. */
  readonly weights?: WeightShapes | undefined;
  /** Absent: the adapter may be of any base. */
  readonly fingerprint?: string | undefined;
  /** The rows of its embeddings, for adapters that replace some. */
  readonly embeddings?: BaseEmbeddings | undefined;
}

/** A PEFT folder whose configuration and header have been read and fit each other and the base. */
export interface PeftStructure extends Pick<ReadPeftConfig, 'config' | 'baseName'> {
  /** According to the metadata of the weights. */
  readonly baseFingerprint: string | undefined;
  readonly plan: AdapterPlan;
  /** How the training began, if it took a part of the base's weights. */
  readonly start: WeightStart | undefined;
  /** The modules that the adapter changes, as they are after reading. */
  readonly changed: readonly TargetModule[];
  readonly tokens: readonly TokenRows[];
  readonly embeddings: BaseEmbeddings | undefined;
  readonly configPath: string;
  /** Whether the base may be another one than the adapter was trained on: then copies of its matrices may differ. */
  readonly isAnyBase: boolean;
  /** Of the base. */
  readonly modules: readonly AdaptableModule[];
  readonly weights: AdapterFile;
  readonly entries: SafetensorsHeader['entries'];
}

/** Adapters come from anywhere, also while serving. They have a few hundred tensors, whose header is less than a tenth of this. */
const maxHeaderBytes = 8_000_000;

/**
 * Reads and checks everything of a PEFT folder except its numbers.
 *
 * @param base  undefined: derived from the tensors themselves
 * @throws EspalierError FILE_NOT_FOUND, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED, LORA_PATTERN_INVALID, LORA_BASE_MISMATCH,
 *   ADAPTER_BASE_MISMATCH, LORA_TENSORS_INVALID, SAFETENSORS_*
 */
export async function peftStructure(source: AdapterContents, base: PeftBase | undefined): Promise<PeftStructure> {
  const { config: written, baseName, path: configPath, tokens: named, hasBias, start } = await configOf(source);
  const weights = await weightsOf(source);
  const { entries: stored, metadata } = await readSafetensorsHeader(weights, { maxHeaderBytes });
  const told = base ?? baseToldByPeft(stored.values());
  const naming = namingOf(stored, told);
  const entries = naming ? renamedEntries(stored, naming) : stored;
  const unbiased = naming ? await renamedPlan(written, told, naming) : await finishInSlices(planSteps(written, told));
  const plan = hasBias === true ? withBiases(unbiased, { path: configPath }) : unbiased;
  const others = new Set(plan.targets.map(({ path }) => path));
  const { modules } = told;
  const tokens = planTokens(named, entries, {
    path: configPath,
    modules,
    embeddings: base?.embeddings,
    others,
    useDora: written.useDora === true,
  });
  if (start !== undefined) assertStart(start, plan, { path: configPath, embeddings: base?.embeddings });
  const targets = start === undefined ? plan.targets : differenceTargets(plan.targets);
  const changed = [...targets, ...tokens.flatMap((rows) => rows.targets)];
  const isOther = naming !== undefined || tokens.length > 0 || start !== undefined;
  const settings = start === undefined ? written : doubledConfig(written);
  const config = isOther ? explicitConfig(settings, changed) : written;
  assertKinds(plan, configPath);
  checkTensors({ path: weights.path, tensors: withoutTokens(entries), baseName }, plan, told.modules);
  const baseFingerprint = readFingerprint(metadata[fingerprintKey]);
  checkFingerprint({ path: source.path, baseName, baseFingerprint }, base?.fingerprint);
  const { embeddings } = base ?? {};
  const isAnyBase = base?.fingerprint === undefined;
  const read = { config, baseName, baseFingerprint, plan, start, changed, tokens, weights, entries };
  return { ...read, embeddings, configPath, modules, isAnyBase };
}

/** @throws EspalierError ADAPTER_FORM_FOREIGN if the weights are there in another form; FILE_NOT_FOUND */
async function weightsOf(source: AdapterContents): Promise<AdapterFile> {
  const file = source.file(weightsFile);
  if (file !== undefined) return file;
  const reason = await noWeightsIn(source.path);
  if (reason !== undefined) throw reason;
  return source.requiredFile(weightsFile);
}

/** WHY a pattern may match nothing here: PEFT accepts it, and the tensors show exactly which modules there are. */
function* planSteps(config: LoraConfig, { modules, weights }: PeftBase): Steps<AdapterPlan> {
  const budget = new PatternBudget();
  const { modules: paths } = yield* targetSteps(modules, config, budget);
  const settings = yield* settingSteps(config, paths, budget);
  const found = new Set(paths);
  const targets = modules.flatMap((module) => {
    const setting = settings.get(module.path);
    const dora = config.useDora === true;
    const wrapped = isWrapped(module, found) && { isWrapped: true };
    return setting === undefined ? [] : [{ ...module, ...setting, ...(dora && { dora }), ...wrapped }];
  });
  return { targets, saved: savedParameters(config.modulesToSave ?? [], modules, weights) };
}

/** The plan of an adapter with other names: its patterns match those, and its modules are called as in the base. */
async function renamedPlan(config: LoraConfig, base: PeftBase, naming: Naming): Promise<AdapterPlan> {
  const { targets, saved } = await finishInSlices(planSteps(config, renamedBase(base, naming)));
  return {
    targets: targets.map((target) => ({ ...target, path: ourPath(target.path, naming) })),
    saved: saved.map((parameter) => ({ ...parameter, name: ourPath(parameter.name, naming) })),
  };
}

/** PEFT supports magnitudes also for embeddings and convolutions; the graphs here do not. */
function assertKinds({ targets }: AdapterPlan, path: string): void {
  const others = targets.filter(({ dora, kind = 'linear' }) => dora === true && kind !== 'linear');
  if (others.length === 0) return;
  const options = others.map((target) => `use_dora on ${target.path}, which is no linear module`).join(', ');
  throw new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options });
}
