import type { AdapterFacts } from '../../routing/index.ts';
import { EspalierError } from '../../core/index.ts';
import { assertPlain, type Adapter, type ModuleWeights } from '../../lora/index.ts';
import type { StackedModule } from './adapter-stack.ts';
import { assertMagnitudes, type DoraGains } from './dora-gains.ts';
import { wholeBlocks } from './rank-rows.ts';

export interface ServedModules {
  readonly modules: ReadonlyMap<string, StackedModule>;
  readonly maxRank: number;
  /** Needed for DoRA adapters. undefined: they are refused. */
  readonly gains: DoraGains | undefined;
  /** Whether adapters with biases (`lora_bias`) are served. Absent: they are refused. */
  readonly biases?: boolean;
  /** The paths of the modules whose matrices are kept as bytes. Default: none. */
  readonly bytePaths?: ReadonlySet<string>;
  /** Rank rows of a block of bytes. */
  readonly unit?: number;
}

/**
 * Checks that an engine can serve all parts of an adapter.
 * @throws EspalierError LORA_PARTS_NOT_APPLIED, DORA_NOT_SERVED, LORA_BIAS_NOT_SERVED, ADAPTER_TARGET_NOT_SERVED, SHAPE_MISMATCH, ADAPTER_RANK_TOO_LARGE
 */
export function checkAdapter(
  name: string,
  adapter: Adapter,
  { modules, maxRank, gains, biases = false, bytePaths = new Set(), unit = 1 }: ServedModules,
): AdapterFacts {
  assertPlain(name, adapter, { place: 'a mixed batch', allowed: ['magnitudes', 'biases'] });
  const strange = [...adapter.modules.keys()].filter((path) => !modules.has(path));
  if (strange.length > 0) {
    const served = lastNames(modules.keys());
    throw new EspalierError('ADAPTER_TARGET_NOT_SERVED', { name, modules: strange, served });
  }
  let [rank, bytes] = [1, 0];
  for (const [path, own] of adapter.modules) {
    const module = modules.get(path);
    if (module === undefined) continue;
    checkShapes(module, own);
    rank = Math.max(rank, own.rank);
    bytes += bytePaths.has(path)
      ? wholeBlocks(own.rank, unit) * module.in + own.rank * (module.out + 4)
      : own.rank * 4 * (module.in + module.out);
    for (const part of [own.magnitude, own.bias]) bytes += part ? 4 * module.out : 0;
  }
  assertMagnitudes(name, adapter, gains);
  const biased = [...adapter.modules.values()].filter(({ bias }) => bias !== undefined).length;
  if (biased > 0 && !biases) throw new EspalierError('LORA_BIAS_NOT_SERVED', { name, modules: biased });
  if (rank > maxRank) throw new EspalierError('ADAPTER_RANK_TOO_LARGE', { name, rank, limit: maxRank });
  const isAlone = [...adapter.modules.values()].some(({ magnitude }) => magnitude !== undefined);
  return { rank, bytes, isAlone };
}

function checkShapes({ path, in: width, out }: StackedModule, { rank, a, b, bias = b }: ModuleWeights): void {
  for (const [tensor, name, shape] of [
    [a, 'lora_A', [rank, width]],
    [b, 'lora_B', [out, rank]],
    [bias, 'lora_bias', bias === b ? [out, rank] : [out]],
  ] as const) {
    if (tensor.shape.join() === shape.join()) continue;
    const [expected, actual] = [`[${shape.join(', ')}]`, `[${tensor.shape.join(', ')}]`];
    throw new EspalierError('SHAPE_MISMATCH', { name: `${path}.${name}`, expected, actual });
  }
}

function lastNames(paths: Iterable<string>): string {
  return [...new Set(Array.from(paths, (path) => path.slice(path.lastIndexOf('.') + 1)))].join(', ');
}
