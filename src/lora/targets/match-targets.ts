import { EspalierError, didYouMean, finishNow, type Steps } from '../../core/index.ts';
import { isOutputLayer, type AdaptableModule } from '../../ir/index.ts';
import type { TargetConfig } from '../lora-config.ts';
import { matchPattern, matchSteps } from './module-pattern.ts';
import { PatternBudget } from './pattern-budget.ts';

/** The modules that each pattern matched, and all matched modules, in the order of the base. */
export interface TargetReport {
  readonly matched: readonly { readonly pattern: string; readonly modules: readonly string[] }[];
  readonly modules: readonly string[];
}

/** The targets alone, or with the settings that narrow them. */
export type Targets = TargetConfig | TargetConfig['targetModules'];

/**
 * Finds the modules that an adapter changes, by PEFT's rules. A name in a list matches the whole path or its end after a dot. A single
 * text is a regular expression for the whole path. 'all-linear' means every linear module except the head. Excluded modules and modules
 * that are replaced as a whole get no adapter. If layers are given, modules of other layers get none, unless a target is the whole
 * path.
 *
 * @throws EspalierError LORA_TARGET_UNMATCHED if a pattern matches nothing, LORA_FILTER_UNMATCHED if an exclusion or a layer number
 *   matches none of the targets' modules, LORA_PATTERN_INVALID
 */
export function matchTargets(modules: readonly AdaptableModule[], targets: Targets): TargetReport {
  const config = configOf(targets);
  const budget = new PatternBudget();
  const wide = finishNow(targetSteps(modules, config.targetModules, budget));
  const lost = wide.matched.find((one) => one.modules.length === 0);
  if (lost !== undefined) throw unmatched(lost.pattern, modules);
  const report = finishNow(targetSteps(modules, config, budget));
  assertFilters(config, wide.modules, budget);
  const narrowed = report.matched.find((one) => one.modules.length === 0);
  if (narrowed !== undefined) {
    throw new EspalierError('LORA_FILTER_UNMATCHED', {
      option: 'target_modules',
      value: narrowed.pattern,
      problem: 'has no module left: everything that it fits is excluded, saved whole, or in another layer.',
    });
  }
  return report;
}

/**
 * Like matchTargets, but a pattern may match nothing.
 *
 * @param budget the time for all patterns of the configuration
 */
export function* targetSteps(
  modules: readonly AdaptableModule[],
  targets: Targets,
  budget: PatternBudget,
): Steps<TargetReport> {
  const config = configOf(targets);
  const { targetModules } = config;
  const excluded = new Set(yield* excludedPaths(modules, config, budget));
  const open = modules.filter(({ path }) => !excluded.has(path));
  const isAmong = layerFilter(config);
  const matched: { readonly pattern: string; readonly modules: readonly string[] }[] = [];
  if (typeof targetModules === 'string') {
    matched.push({ pattern: targetModules, modules: yield* fitWhole(targetModules, open, budget) });
  } else {
    for (const pattern of new Set(targetModules)) {
      const fits = open.filter(
        (module) => fitsName(module, pattern) && (module.path === pattern || isAmong(module.path)),
      );
      matched.push({ pattern, modules: fits.map(({ path }) => path) });
      yield;
    }
  }
  const found = new Set(matched.flatMap((one) => one.modules));
  return { matched, modules: open.flatMap(({ path }) => (found.has(path) ? [path] : [])) };
}

function configOf(targets: Targets): TargetConfig {
  return typeof targets === 'object' && 'targetModules' in targets ? targets : { targetModules: targets };
}

function endsIn(path: string, name: string): boolean {
  return path.endsWith(`.${name}`);
}

/** WHY more of the path for experts: PEFT means modules by `down_proj`, and has parameters of experts in a list of their own. */
function fitsName({ path, kind }: AdaptableModule, name: string): boolean {
  const isEnough = kind !== 'experts' || isExpertParameter(name);
  return path === name || (isEnough && endsIn(path, name));
}

/** Whether a name is that of a parameter of experts: `experts.down_proj`, or more of its path. */
export function isExpertParameter(name: string): boolean {
  return /(^|\.)experts\.(gate_up_proj|up_proj|down_proj)$/.test(name);
}

function* fitWhole(
  pattern: string,
  modules: readonly AdaptableModule[],
  budget: PatternBudget,
): Steps<readonly string[]> {
  const isAll = pattern.toLowerCase() === 'all-linear';
  const named = modules.filter((module) => (isAll ? isInner(module) : module.kind !== 'experts'));
  const paths = named.map(({ path }) => path);
  return isAll ? paths : yield* matchSteps(pattern, paths, { budget });
}

/** Heads by the names that PEFT knows. 'all-linear' does not include them. */
const heads: ReadonlySet<string> = new Set(['classifier', 'score']);

function isInner({ path, kind = 'linear' }: AdaptableModule): boolean {
  return kind === 'linear' && !isOutputLayer(path) && !heads.has(path);
}

/** Paths that are excluded from all targets. */
function* excludedPaths(
  modules: readonly AdaptableModule[],
  { excludeModules = [], modulesToSave = [] }: Pick<TargetConfig, 'excludeModules' | 'modulesToSave'>,
  budget: PatternBudget,
): Steps<string[]> {
  const paths = modules.map(({ path }) => path);
  const excluded: string[] = [];
  if (typeof excludeModules === 'string') {
    excluded.push(...(yield* matchSteps(excludeModules, excludeModules === '' ? [] : paths, { budget })));
  } else {
    for (const name of excludeModules) {
      excluded.push(...paths.filter((path) => path === name || endsIn(path, name)));
      yield;
    }
  }
  for (const name of modulesToSave) {
    excluded.push(...(yield* matchSteps(`(?:.*\\.)?${name}(?:\\..*)?`, paths, { budget })));
  }
  return excluded;
}

function layerFilter({ layersToTransform, layersPattern }: TargetConfig): (path: string) => boolean {
  const layers = [layersToTransform ?? []].flat();
  if (layers.length === 0) return () => true;
  return (path) => {
    const layer = layerOf(path, [layersPattern ?? []].flat());
    return layer !== undefined && layers.includes(layer);
  };
}

/** The layer number in a path: the first number after any name, or after one of these names. */
function layerOf(path: string, names: readonly string[]): number | undefined {
  const patterns = names.filter((name) => name !== '').map((name) => `(?:^|.*?\\.)${name.replaceAll('.', '\\.')}`);
  const all = patterns.length > 0 ? patterns : ['.*?\\.[^.]*'];
  const found = all.map((before) => new RegExp(`^${before}\\.(\\d+)\\.`).exec(path)?.[1]).find((digits) => digits);
  return found === undefined ? undefined : Number(found);
}

/** Checks that each filter excludes something, because a misspelt filter would silently have no effect. */
function assertFilters(
  { excludeModules = [], ...config }: TargetConfig,
  found: readonly string[],
  budget: PatternBudget,
): void {
  const exclusions = typeof excludeModules === 'string' ? [] : excludeModules;
  for (const name of exclusions) {
    if (!found.some((path) => path === name || endsIn(path, name))) {
      const names = [...new Set(found.map(lastName))];
      const problem = `fits no targeted module.${didYouMean(name, [...names, ...found])}`;
      throw new EspalierError('LORA_FILTER_UNMATCHED', { option: 'exclude_modules', value: name, problem });
    }
  }
  if (typeof excludeModules === 'string' && matchPattern(excludeModules, found, { budget }).length === 0) {
    const problem = 'fits no targeted module.';
    throw new EspalierError('LORA_FILTER_UNMATCHED', { option: 'exclude_modules', value: excludeModules, problem });
  }
  const names = [config.layersPattern ?? []].flat();
  const layers = new Set(found.map((path) => layerOf(path, names)));
  for (const layer of [config.layersToTransform ?? []].flat()) {
    if (layers.has(layer)) continue;
    const problem = 'is the number of no layer with a targeted module.';
    throw new EspalierError('LORA_FILTER_UNMATCHED', { option: 'layers_to_transform', value: layer, problem });
  }
}

function unmatched(pattern: string, modules: readonly AdaptableModule[]): EspalierError {
  const names = [...new Set(modules.map(({ path }) => lastName(path)))];
  const hint = didYouMean(pattern, [...names, ...modules.map(({ path }) => path), 'all-linear']);
  return new EspalierError('LORA_TARGET_UNMATCHED', { pattern, hint, modules: names });
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
