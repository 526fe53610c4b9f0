import { EspalierError } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import { loraShapes } from '../../lora/index.ts';
import { isOtherBase } from '../../models/index.ts';
import type { StoredModule, StoredStructure } from './stored-adapter.ts';

/**
 * Compares the base on which an adapter was trained with another one, by their fingerprints.
 *
 * @param fingerprint  of the base with which it is to be used; undefined: any base is accepted
 * @throws EspalierError ADAPTER_BASE_MISMATCH
 */
export function checkFingerprint(
  {
    path,
    baseName,
    baseFingerprint,
  }: Pick<StoredStructure, 'baseName' | 'baseFingerprint'> & { readonly path: string },
  fingerprint: string | undefined,
): void {
  if (baseFingerprint === undefined || fingerprint === undefined || !isOtherBase(baseFingerprint, fingerprint)) return;
  const trained = `${baseFingerprint}${baseName === undefined ? '' : ` (${baseName})`}`;
  throw new EspalierError('ADAPTER_BASE_MISMATCH', { path, trained, fingerprint });
}

type ModuleShape = Pick<StoredModule, 'kind' | 'rank' | 'a' | 'b'>;

/**
 * Compares an adapter with a base.
 *
 * @returns its modules in the order of the base
 * @throws EspalierError LORA_BASE_MISMATCH with every module that the base lacks or that has another size there
 */
export function checkBase<Module extends ModuleShape>(
  { modules, baseName }: { readonly modules: ReadonlyMap<string, Module>; readonly baseName: string | undefined },
  base: { readonly path: string; readonly modules: readonly AdaptableModule[] },
): Map<string, Module> {
  const known = new Map(base.modules.map((module) => [module.path, module]));
  const problems = [...modules].flatMap(([path, weights]) => misfitsOf(path, weights, known.get(path)));
  if (problems.length > 0) {
    const from = baseName === undefined ? '' : ` (${baseName})`;
    throw new EspalierError('LORA_BASE_MISMATCH', { path: base.path, base: from, problems });
  }
  return new Map(
    base.modules.flatMap(({ path }): [string, Module][] => {
      const weights = modules.get(path);
      return weights === undefined ? [] : [[path, weights]];
    }),
  );
}

function misfitsOf(path: string, { kind = 'linear', rank, a, b }: ModuleShape, module?: AdaptableModule): string[] {
  if (module === undefined) return [`the base has no module ${path}`];
  const expected = module.kind ?? 'linear';
  if (kind !== expected) return [`${path} is of the kind ${expected}, the adapter's of the kind ${kind}`];
  const shapes = loraShapes(module, rank);
  const misfit = (name: string, shape: readonly number[], wanted: readonly number[]): string[] =>
    shape.join() === wanted.join()
      ? []
      : [`${name} of ${path} is [${shape.join(', ')}], expected [${wanted.join(', ')}]`];
  return [...misfit('A', a.shape, shapes.a), ...misfit('B', b.shape, shapes.b)];
}
