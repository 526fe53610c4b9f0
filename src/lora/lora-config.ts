import { EspalierError, finishNow, type Steps } from '../core/index.ts';
import { matchSteps } from './targets/module-pattern.ts';
import { PatternBudget } from './targets/pattern-budget.ts';

/** The modules that an adapter changes. The names and rules are PEFT's, in camel case. */
export interface TargetConfig {
  /** Names of modules or ends of their paths; or one regular expression for whole paths; or 'all-linear'. */
  readonly targetModules: readonly string[] | string;
  /** Modules that get no adapter although a target matches: names or ends of paths; or one regular expression. */
  readonly excludeModules?: readonly string[] | string;
  /** Only the layers with these numbers. Does not apply to a target that is a whole path. */
  readonly layersToTransform?: readonly number[] | number;
  /** The name before the number of a layer in a path, such as `layers` or `h`. Default: any name. */
  readonly layersPattern?: readonly string[] | string;
  /** Ends of the paths of modules that are replaced as a whole (for example a classifier). They get no adapter. */
  readonly modulesToSave?: readonly string[];
}

/** The configuration of an adapter. */
export interface LoraConfig extends TargetConfig {
  /** Rank of every module that `rankPattern` does not name. */
  readonly rank: number;
  /** Strength: the update is scaled by alpha / rank. */
  readonly alpha: number;
  /** Probability, at least 0 and below 1, with which an element of a module's input is set to 0 while training. */
  readonly dropout: number;
  /** Other ranks, by names or patterns of modules. The first one that matches counts. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** Other alphas, likewise. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Scale by alpha / √rank instead (Kalajdzievski 2023). */
  readonly useRslora?: boolean;
  /** The direction and the length of each row of the weight are trained separately (Liu et al. 2024). */
  readonly useDora?: boolean;
  /** The base stores the weights of these modules as [in, out], as GPT-2 does. Written for PEFT; the adapter's matrices are the same. */
  readonly fanInFanOut?: boolean;
  /** The task of the base, in PEFT's words: CAUSAL_LM (default) or SEQ_CLS. null: PEFT adds nothing for a task. */
  readonly taskType?: string | null;
}

/** The rank of one module and the factor before its update. */
export interface ModuleSettings {
  readonly rank: number;
  readonly scaling: number;
}

/** No linear layer is wider, and a rank above the width of a layer is useless. */
const maxRank = 65_536;

/** WHY a limit: every name is compared with every parameter of the base. */
const maxSaved = 256;

/** Like `settingSteps`, without pauses. */
export function settingsOf(config: LoraConfig, paths: readonly string[]): Map<string, ModuleSettings> {
  return finishNow(settingSteps(config, paths, new PatternBudget()));
}

/**
 * Rank and scaling of each of these modules.
 *
 * @param budget the remaining budget, if other patterns of the configuration were matched before
 * @throws EspalierError LORA_PATTERN_INVALID if a key of the patterns is not a regular expression, or takes too long
 */
export function* settingSteps(
  config: LoraConfig,
  paths: readonly string[],
  budget: PatternBudget,
): Steps<Map<string, ModuleSettings>> {
  const ranks = yield* firstFits(config.rankPattern ?? {}, paths, budget);
  const alphas = yield* firstFits(config.alphaPattern ?? {}, paths, budget);
  return new Map(
    paths.map((path) => {
      const rank = ranks.get(path) ?? config.rank;
      const alpha = alphas.get(path) ?? config.alpha;
      return [path, { rank, scaling: alpha / (config.useRslora === true ? Math.sqrt(rank) : rank) }];
    }),
  );
}

/** @throws EspalierError LORA_CONFIG_INVALID with every invalid value */
export function assertConfig(config: LoraConfig, path = 'given'): void {
  const ranks = { r: config.rank, ...prefixed('rank_pattern', config.rankPattern) };
  const alphas = { lora_alpha: config.alpha, ...prefixed('alpha_pattern', config.alphaPattern) };
  const problems = [
    ...Object.entries(ranks)
      .filter(([, rank]) => !Number.isSafeInteger(rank) || rank < 1 || rank > maxRank)
      .map(([key, rank]) => `${key} should be a whole number from 1 to ${maxRank}, got ${rank}`),
    ...Object.entries(alphas)
      .filter(([, alpha]) => !Number.isFinite(alpha))
      .map(([key, alpha]) => `${key} should be a finite number, got ${alpha}`),
    ...(config.dropout >= 0 && config.dropout < 1
      ? []
      : [`lora_dropout should be from 0 up and below 1, got ${config.dropout}`]),
    ...(config.targetModules.length > 0 ? [] : ['target_modules should name at least one module']),
    ...((config.modulesToSave?.length ?? 0) <= maxSaved
      ? []
      : [`modules_to_save should have at most ${maxSaved} names`]),
    ...layerProblems(config),
  ];
  if (problems.length > 0) throw new EspalierError('LORA_CONFIG_INVALID', { path, problems });
}

function layerProblems({ targetModules, layersToTransform, layersPattern }: TargetConfig): string[] {
  const layers = [layersToTransform ?? []].flat();
  const patterns = [layersPattern ?? []].flat();
  const isPattern = typeof targetModules === 'string' && (layers.length > 0 || patterns.length > 0);
  return [
    ...layers
      .filter((layer) => !Number.isSafeInteger(layer) || layer < 0)
      .map((layer) => `layers_to_transform should have whole numbers from 0 up, got ${layer}`),
    ...patterns
      .filter((pattern) => !/^[\w.]*$/.test(pattern))
      .map((pattern) => `layers_pattern should be the name before a layer's number, got ${pattern}`),
    ...(isPattern ? ['layers_to_transform needs a list of target_modules, not a pattern'] : []),
    ...(patterns.length > 0 && layers.length === 0 ? ['layers_pattern needs layers_to_transform'] : []),
  ];
}

function prefixed(name: string, pattern: Readonly<Record<string, number>> = {}): Record<string, number> {
  return Object.fromEntries(Object.entries(pattern).map(([key, value]) => [`${name}.${key}`, value]));
}

/** For each path, the value of the first key that matches the whole path or its end after a dot, as in PEFT. */
function* firstFits(
  pattern: Readonly<Record<string, number>>,
  paths: readonly string[],
  budget: PatternBudget,
): Steps<Map<string, number>> {
  const result = new Map<string, number>();
  for (const [key, value] of Object.entries(pattern)) {
    const rest = paths.filter((path) => !result.has(path));
    for (const path of yield* matchSteps(key, rest, { orEnd: true, budget })) result.set(path, value);
    yield;
  }
  return result;
}
