import { EspalierError, didYouMean } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { TargetConfig } from '../lora-config.ts';
import { matchPattern } from './module-pattern.ts';
import { PatternBudget } from './pattern-budget.ts';

/** What each pattern found, and all modules found, in the order of the base. */
export interface TargetReport {
  readonly matched: readonly { readonly pattern: string; readonly modules: readonly string[] }[];
  readonly modules: readonly string[];
}

/** Which modules: the targets alone, or with what narrows them. */
export type Targets = TargetConfig | TargetConfig['targetModules'];

/**
 * Finds the modules that an adapter is for, by PEFT's rules: a name in a list fits the whole path or its end after a
 * dot; a text that is no list is a regular expression for the whole path; 'all-linear' is every linear module but the head.
 * What is excluded or replaced whole gets no adapter, nor does a layer of another number, unless a target is its whole path.
 *
 * @throws EspalierError LORA_TARGET_UNMATCHED when a pattern fits nothing, LORA_FILTER_UNMATCHED when an exclusion or the number
 *   of a layer fits nothing that the targets fit, LORA_PATTERN_INVALID
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
 * As matchTargets, but a pattern may find nothing.
 *
 * @param budget  of the time that all patterns of the configuration have
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

/** Heads by the names that PEFT knows: they are left out of 'all-linear'. */
const heads: ReadonlySet<string> = new Set(['classifier', 'score']);

function isInner({ path, kind = 'linear' }: AdaptableModule): boolean {
  return kind === 'linear' && lastName(path) !== 'lm_head' && !heads.has(path);
}

/** Paths that no target counts for. */
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

/** The number of the layer that a path lies in: the first number after a name, or after one of these names. */
function layerOf(path: string, names: readonly string[]): number | undefined {
  const patterns = names.filter((name) => name !== '').map((name) => `(?:^|.*?\\.)${name.replaceAll('.', '\\.')}`);
  const all = patterns.length > 0 ? patterns : ['.*?\\.[^.]*'];
  const found = all.map((before) => new RegExp(`^${before}\\.(\\d+)\\.`).exec(path)?.[1]).find((digits) => digits);
  return found === undefined ? undefined : Number(found);
}

/** What narrows the targets has to narrow something: a name with a slip in it would change everything without a word. */
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
