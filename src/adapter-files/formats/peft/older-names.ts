import type { SafetensorsEntry } from '../../../tensor/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import { peftPrefix } from './peft-names.ts';
import type { WeightShapes } from './saved-parameters.ts';

/**
 * Names in models of images and text before transformers 4.52, and today's. An adapter of that time has them in its tensors, and the
 * patterns of its configuration match them.
 * @see `_checkpoint_conversion_mapping` of such models in transformers
 */
const namesNow = [
  [/^language_model\.model\./, 'model.language_model.'],
  [/^language_model\.lm_head(?=\.|$)/, 'lm_head'],
] as const;
const namesThen = [
  [/^model\.language_model\./, 'language_model.model.'],
  [/^lm_head(?=\.|$)/, 'language_model.lm_head'],
] as const;

interface NamedBase {
  readonly modules: readonly AdaptableModule[];
  readonly weights?: WeightShapes | undefined;
}

type Entries = ReadonlyMap<string, SafetensorsEntry>;

/** Whether the tensors have names of that time, and the base has modules that are called otherwise today. */
export function hasOlderNames(entries: Entries, { modules }: Pick<NamedBase, 'modules'>): boolean {
  const isOlder = [...entries.keys()].some((name) => name.startsWith(`${peftPrefix}language_model.`));
  return isOlder && modules.some(({ path }) => path.startsWith('model.language_model.'));
}

/** The tensors under the names of today. */
export function renamedEntries(entries: Entries): Map<string, SafetensorsEntry> {
  const renamed = (old: string): string =>
    old.startsWith(peftPrefix) ? peftPrefix + pathNow(old.slice(peftPrefix.length)) : old;
  return new Map([...entries.values()].map((entry) => [renamed(entry.name), { ...entry, name: renamed(entry.name) }]));
}

/** The base with the names of that time, which the patterns of the configuration match. */
export function olderBase({ modules, weights }: NamedBase): NamedBase {
  return {
    modules: modules.map((module) => ({ ...module, path: pathThen(module.path) })),
    weights: weights && new Map([...weights].map(([name, weight]) => [pathThen(name), weight])),
  };
}

/** The name of today of a module or a parameter. */
export function pathNow(path: string): string {
  return replaced(path, namesNow);
}

function pathThen(path: string): string {
  return replaced(path, namesThen);
}

function replaced(path: string, rules: readonly (readonly [RegExp, string])[]): string {
  const rule = rules.find(([pattern]) => pattern.test(path));
  return rule === undefined ? path : path.replace(rule[0], rule[1]);
}
