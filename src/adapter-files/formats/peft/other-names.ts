import type { SafetensorsEntry } from '../../../tensor/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import { peftPrefix } from './peft-names.ts';
import type { WeightShapes } from './saved-parameters.ts';

type Rules = readonly (readonly [pattern: RegExp, replacement: string])[];

/**
 * Names that another version of transformers, or another class of it, has for modules of a base. An adapter made there has them in its
 * tensors, and the patterns of its configuration match them.
 */
export interface Naming {
  /** Names of modules that only such an adapter has. */
  readonly theirs: RegExp;
  /** Names of modules of bases that are called otherwise there. */
  readonly ours: RegExp;
  readonly toOurs: Rules;
  readonly toTheirs: Rules;
}

const namings: readonly Naming[] = [
  // Models of images and text before transformers 4.52: see `_checkpoint_conversion_mapping` of such models.
  {
    theirs: /^language_model\./,
    ours: /^model\.language_model\./,
    toOurs: [
      [/^language_model\.model\./, 'model.language_model.'],
      [/^language_model\.lm_head(?=\.|$)/, 'lm_head'],
    ],
    toTheirs: [
      [/^model\.language_model\./, 'language_model.model.'],
      [/^lm_head(?=\.|$)/, 'language_model.lm_head'],
    ],
  },
  // The text part of such a model, opened alone (`Qwen3_5ForCausalLM` of a checkpoint of `qwen3_5`).
  {
    theirs: /^model\.(layers|embed_tokens|norm|per_layer)/,
    ours: /^model\.language_model\./,
    toOurs: [[/^model\./, 'model.language_model.']],
    toTheirs: [[/^model\.language_model\./, 'model.']],
  },
  // The head of GPT-NeoX since transformers 5.
  {
    theirs: /^lm_head\./,
    ours: /^embed_out$/,
    toOurs: [[/^lm_head(?=\.|$)/, 'embed_out']],
    toTheirs: [[/^embed_out(?=\.|$)/, 'lm_head']],
  },
];

interface NamedBase {
  readonly modules: readonly AdaptableModule[];
  readonly weights?: WeightShapes | undefined;
}

type Entries = ReadonlyMap<string, SafetensorsEntry>;

/** The naming of the tensors; undefined if it is that of the base. */
export function namingOf(entries: Entries, { modules }: Pick<NamedBase, 'modules'>): Naming | undefined {
  const names = [...entries.keys()].flatMap((name) =>
    name.startsWith(peftPrefix) ? [name.slice(peftPrefix.length)] : [],
  );
  return namings.find(
    ({ theirs, ours }) => names.some((name) => theirs.test(name)) && modules.some(({ path }) => ours.test(path)),
  );
}

/** The tensors under the names of the base. */
export function renamedEntries(entries: Entries, naming: Naming): Map<string, SafetensorsEntry> {
  const renamed = (name: string): string =>
    name.startsWith(peftPrefix) ? peftPrefix + ourPath(name.slice(peftPrefix.length), naming) : name;
  return new Map([...entries.values()].map((entry) => [renamed(entry.name), { ...entry, name: renamed(entry.name) }]));
}

/** The base under the names of the adapter, which the patterns of its configuration match. */
export function renamedBase({ modules, weights }: NamedBase, { toTheirs }: Naming): NamedBase {
  return {
    modules: modules.map((module) => ({ ...module, path: replaced(module.path, toTheirs) })),
    weights: weights && new Map([...weights].map(([name, weight]) => [replaced(name, toTheirs), weight])),
  };
}

/** The name that a module or a parameter has in the base. */
export function ourPath(path: string, { toOurs }: Naming): string {
  return replaced(path, toOurs);
}

function replaced(path: string, rules: Rules): string {
  const rule = rules.find(([pattern]) => pattern.test(path));
  return rule === undefined ? path : path.replace(rule[0], rule[1]);
}
