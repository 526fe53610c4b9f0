import type { AdaptableModule } from '../../../ir/index.ts';
import type { SavedParameter } from '../../../lora/index.ts';
import { peftPrefix } from './peft-names.ts';

/** Shapes of a base's weights, by their names in the checkpoint. */
export type WeightShapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/**
 * The parameters of the modules that `modules_to_save` names, by PEFT's rule: the modules whose path ends with the name, with
 * everything inside them. A name may match nothing, because PEFT writes `classifier` and `score` for every classifier.
 *
 * @param weights  of the base; without them only the weights and biases of its adaptable modules are known
 */
export function savedParameters(
  names: readonly string[],
  modules: readonly AdaptableModule[],
  weights: WeightShapes | undefined,
): SavedParameter[] {
  const known = new Map([...(weights ?? [])].map(([name, { shape }]) => [name, { name, shape }]));
  for (const module of modules.filter(({ kind }) => kind !== 'experts')) {
    const weight = `${module.path}.weight`;
    // A tied head has no weight of its own in the checkpoint.
    if (!known.has(weight)) known.set(weight, { name: weight, shape: weightShape(module) });
    const bias = `${module.path}.bias`;
    if (weights === undefined && module.kind !== 'embedding') known.set(bias, biasOf(bias, module.out));
  }
  return [...known.values()].filter(({ name }) => isSavedBy(names, name));
}

/** Whether a parameter belongs to a module that `modules_to_save` names. */
export function isSavedBy(names: readonly string[], parameter: string): boolean {
  const steps = parameter.split('.').slice(0, -1);
  const paths = steps.map((_, i) => steps.slice(0, i + 1).join('.'));
  return paths.some((path) => names.some((name) => path.endsWith(name)));
}

function biasOf(name: string, out: number): SavedParameter {
  return { name, shape: [out], optional: true };
}

function weightShape({ kind, in: width, out, transposed, kernel = [], groups = 1 }: AdaptableModule): number[] {
  if (kind === 'conv') return [out, width / groups, ...kernel];
  return kind === 'embedding' || transposed === true ? [width, out] : [out, width];
}

/** The name of such a parameter in an adapter's file. */
export function savedName({ name }: SavedParameter): string {
  return `${peftPrefix}${name}`;
}
