import type { AdapterFacts } from '../../routing/index.ts';
import { EspalierError } from '../../core/index.ts';
import { assertPlain, type Adapter, type ModuleWeights } from '../../lora/index.ts';
import type { StackedModule } from './adapter-stack.ts';
import { assertMagnitudes, type DoraGains } from './dora-gains.ts';

export interface ServedModules {
  readonly modules: ReadonlyMap<string, StackedModule>;
  readonly maxRank: number;
  /** Needed for DoRA adapters. undefined: they are refused. */
  readonly gains: DoraGains | undefined;
}

/**
 * Checks that an engine can serve all parts of an adapter.
 * @throws EspalierError LORA_PARTS_NOT_APPLIED, DORA_NOT_SERVED, ADAPTER_TARGET_NOT_SERVED, SHAPE_MISMATCH, ADAPTER_RANK_TOO_LARGE
 */
export function checkAdapter(name: string, adapter: Adapter, { modules, maxRank, gains }: ServedModules): AdapterFacts {
  assertPlain(name, adapter, { place: 'a mixed batch', allowed: ['magnitudes'] });
  const strange = [...adapter.modules.keys()].filter((path) => !modules.has(path));
  if (strange.length > 0) {
    const served = lastNames(modules.keys());
    throw new EspalierError('ADAPTER_TARGET_NOT_SERVED', { name, modules: strange, served });
  }
  let [rank, elements] = [1, 0];
  for (const [path, own] of adapter.modules) {
    const module = modules.get(path);
    if (module === undefined) continue;
    checkShapes(module, own);
    rank = Math.max(rank, own.rank);
    elements += own.rank * (module.in + module.out) + (own.magnitude ? module.out : 0);
  }
  assertMagnitudes(name, adapter, gains);
  if (rank > maxRank) throw new EspalierError('ADAPTER_RANK_TOO_LARGE', { name, rank, limit: maxRank });
  const isAlone = [...adapter.modules.values()].some(({ magnitude }) => magnitude !== undefined);
  return { rank, bytes: elements * 4, isAlone };
}

function checkShapes({ path, in: width, out }: StackedModule, { rank, a, b }: ModuleWeights): void {
  for (const [tensor, name, shape] of [
    [a, 'lora_A', [rank, width]],
    [b, 'lora_B', [out, rank]],
  ] as const) {
    if (tensor.shape.length === 2 && tensor.shape[0] === shape[0] && tensor.shape[1] === shape[1]) continue;
    const [expected, actual] = [`[${shape.join(', ')}]`, `[${tensor.shape.join(', ')}]`];
    throw new EspalierError('SHAPE_MISMATCH', { name: `${path}.${name}`, expected, actual });
  }
}

function lastNames(paths: Iterable<string>): string {
  return [...new Set(Array.from(paths, (path) => path.slice(path.lastIndexOf('.') + 1)))].join(', ');
}
