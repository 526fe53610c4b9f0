import { EspalierError } from '../core/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import type { ModuleWeights } from '../lora/index.ts';
import type { StoredAdapter } from './stored-adapter.ts';

/**
 * Compares an adapter with a base.
 *
 * @returns its modules in the order of the base
 * @throws EspalierError LORA_BASE_MISMATCH with every module that the base lacks or has in another size
 */
export function checkBase(
  { modules, baseName }: StoredAdapter,
  base: { readonly path: string; readonly modules: readonly AdaptableModule[] },
): Map<string, ModuleWeights> {
  const known = new Map(base.modules.map((module) => [module.path, module]));
  const problems = [...modules].flatMap(([path, weights]) => misfitsOf(path, weights, known.get(path)));
  if (problems.length > 0) {
    const from = baseName === undefined ? '' : ` (${baseName})`;
    throw new EspalierError('LORA_BASE_MISMATCH', { path: base.path, base: from, problems: listed(problems) });
  }
  return new Map(
    base.modules.flatMap(({ path }): [string, ModuleWeights][] => {
      const weights = modules.get(path);
      return weights === undefined ? [] : [[path, weights]];
    }),
  );
}

function misfitsOf(path: string, { a, b }: ModuleWeights, module: AdaptableModule | undefined): string[] {
  if (module === undefined) return [`the base has no module ${path}`];
  const { kind = 'linear' } = module;
  if (kind !== 'linear') return [`${path} is ${kind}, and the file holds a matrix product's pair`];
  return [
    ...(a.shape[1] === module.in ? [] : [`${path} takes ${module.in} numbers, A ${a.shape[1]}`]),
    ...(b.shape[0] === module.out ? [] : [`${path} gives ${module.out} numbers, B ${b.shape[0]}`]),
  ];
}

function listed(items: readonly string[]): string {
  const shown = items.slice(0, 5).join('; ');
  return items.length > 5 ? `${shown}; and ${items.length - 5} more` : shown;
}
