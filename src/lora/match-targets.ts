import { EspalierError, didYouMean } from '../core/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import { matchPattern } from './module-pattern.ts';

/** What each pattern found, and all modules found, in the order of the base. */
export interface TargetReport {
  readonly matched: readonly { readonly pattern: string; readonly modules: readonly string[] }[];
  readonly modules: readonly string[];
}

/**
 * Finds the modules that an adapter is for, by PEFT's rules: a name in a list fits the whole path or its end after a
 * dot; a text that is no list is a regular expression for the whole path; 'all-linear' is every linear module but the head.
 *
 * @throws EspalierError LORA_TARGET_UNMATCHED when a pattern fits nothing, LORA_PATTERN_INVALID
 */
export function matchTargets(
  linears: readonly AdaptableModule[],
  targetModules: readonly string[] | string,
): TargetReport {
  const report = findTargets(linears, targetModules);
  const lost = report.matched.find(({ modules }) => modules.length === 0);
  if (lost !== undefined) throw unmatched(lost.pattern, linears);
  return report;
}

/** As matchTargets, but a pattern may find nothing. */
export function findTargets(
  linears: readonly AdaptableModule[],
  targetModules: readonly string[] | string,
): TargetReport {
  const paths = linears.map(({ path }) => path);
  const patterns = typeof targetModules === 'string' ? [targetModules] : [...new Set(targetModules)];
  const fits = typeof targetModules === 'string' ? fitWhole : fitName;
  const matched = patterns.map((pattern) => ({ pattern, modules: fits(pattern, paths) }));
  const found = new Set(matched.flatMap(({ modules }) => modules));
  return { matched, modules: paths.filter((path) => found.has(path)) };
}

function fitName(name: string, paths: readonly string[]): string[] {
  return paths.filter((path) => path === name || path.endsWith(`.${name}`));
}

function fitWhole(pattern: string, paths: readonly string[]): string[] {
  if (pattern.toLowerCase() === 'all-linear') return paths.filter((path) => lastName(path) !== 'lm_head');
  return matchPattern(pattern, paths);
}

function unmatched(pattern: string, linears: readonly AdaptableModule[]): EspalierError {
  const names = [...new Set(linears.map(({ path }) => lastName(path)))];
  const hint = didYouMean(pattern.toLowerCase(), [...names, ...linears.map(({ path }) => path), 'all-linear']);
  return new EspalierError('LORA_TARGET_UNMATCHED', { pattern, hint, modules: names.join(', ') });
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
