import { EspalierError, didYouMean } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { TargetConfig } from '../lora-config.ts';
import { matchPattern } from './module-pattern.ts';
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
  const wide = findTargets(modules, config.targetModules, budget);
  const lost = wide.matched.find((one) => one.modules.length === 0);
  if (lost !== undefined) throw unmatched(lost.pattern, modules);
  const report = findTargets(modules, config, budget);
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
export function findTargets(
  modules: readonly AdaptableModule[],
  targets: Targets,
  budget: PatternBudget = new PatternBudget(),
): TargetReport {
  const config = configOf(targets);
  const { targetModules } = config;
  const excluded = new Set(excludedPaths(modules, config, budget));
  const open = modules.filter(({ path }) => !excluded.has(path));
  const patterns = typeof targetModules === 'string' ? [targetModules] : [...new Set(targetModules)];
  const isAmong = layerFilter(config);
  const matched = patterns.map((pattern) => ({
    pattern,
    modules:
      typeof targetModules === 'string'
        ? fitWhole(pattern, open, budget)
        : open.flatMap(({ path }) => (path === pattern || (endsIn(path, pattern) && isAmong(path)) ? [path] : [])),
  }));
  const found = new Set(matched.flatMap((one) => one.modules));
  return { matched, modules: open.flatMap(({ path }) => (found.has(path) ? [path] : [])) };
}

function configOf(targets: Targets): TargetConfig {
  return typeof targets === 'object' && 'targetModules' in targets ? targets : { targetModules: targets };
}

function endsIn(path: string, name: string): boolean {
  return path.endsWith(`.${name}`);
}

function fitWhole(pattern: string, modules: readonly AdaptableModule[], budget: PatternBudget): string[] {
  const isAll = pattern.toLowerCase() === 'all-linear';
  const paths = modules.filter((module) => !isAll || isInner(module)).map(({ path }) => path);
  return isAll ? paths : matchPattern(pattern, paths, { budget });
}

/** Heads by the names that PEFT knows. 'all-linear' does not include them. */
const heads: ReadonlySet<string> = new Set(['classifier', 'score']);

function isInner({ path, kind = 'linear' }: AdaptableModule): boolean {
  return kind === 'linear' && lastName(path) !== 'lm_head' && !heads.has(path);
}

/** Paths that are excluded from all targets. */
function excludedPaths(
  modules: readonly AdaptableModule[],
  { excludeModules = [], modulesToSave = [] }: Pick<TargetConfig, 'excludeModules' | 'modulesToSave'>,
  budget: PatternBudget,
): string[] {
  const paths = modules.map(({ path }) => path);
  const excluded =
    typeof excludeModules === 'string'
      ? matchPattern(excludeModules, excludeModules === '' ? [] : paths, { budget })
      : paths.filter((path) => excludeModules.some((name) => path === name || endsIn(path, name)));
  const saved = modulesToSave.flatMap((name) => matchPattern(`(?:.*\\.)?${name}(?:\\..*)?`, paths, { budget }));
  return [...excluded, ...saved];
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
  const modules = found.map((path): AdaptableModule => ({ path, in: 0, out: 0 }));
  const exclusions = typeof excludeModules === 'string' ? [] : excludeModules;
  for (const name of exclusions) {
    if (!found.some((path) => path === name || endsIn(path, name))) {
      const names = [...new Set(found.map(lastName))];
      const problem = `fits no targeted module.${didYouMean(name, [...names, ...found])}`;
      throw new EspalierError('LORA_FILTER_UNMATCHED', { option: 'exclude_modules', value: name, problem });
    }
  }
  if (typeof excludeModules === 'string' && excludedPaths(modules, { excludeModules }, budget).length === 0) {
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
  const hint = didYouMean(pattern.toLowerCase(), [...names, ...modules.map(({ path }) => path), 'all-linear']);
  return new EspalierError('LORA_TARGET_UNMATCHED', { pattern, hint, modules: names });
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
