import { EspalierError } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { LoraConfig, ModuleWeights } from '../../lora/index.ts';
import type { TensorOf } from '../../tensor/index.ts';

/** An adapter as a file holds it, not yet compared with a base. */
export interface StoredAdapter {
  readonly config: LoraConfig;
  /** By path: in the order of the file. */
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  /** Parameters of the base that it replaces whole, by their names in the checkpoint; absent: none. */
  readonly saved?: ReadonlyMap<string, TensorOf<'float32'>>;
  /** The base that the adapter says it was trained on; formats that cannot say leave it out. */
  readonly baseName: string | undefined;
}

/** One module as a file's header tells of it. */
export interface StoredModule extends Pick<ModuleWeights, 'kind' | 'rank' | 'scaling'> {
  readonly a: { readonly shape: readonly number[] };
  readonly b: { readonly shape: readonly number[] };
  /** Its numbers, where the whole file was read. */
  weights(): Promise<ModuleWeights>;
}

/** An adapter as the header of its file tells of it. */
export interface StoredStructure extends Pick<StoredAdapter, 'config' | 'baseName'> {
  readonly modules: ReadonlyMap<string, StoredModule>;
  /** Where the last number ends in the file. */
  readonly end: number;
}

/** Reads the numbers of every module. The whole file must have been read. */
export async function readStored({ config, baseName, modules }: StoredStructure): Promise<StoredAdapter> {
  const read = new Map<string, ModuleWeights>();
  for (const [path, module] of modules) read.set(path, await module.weights());
  return { config, baseName, modules: read };
}

/**
 * Refuses an adapter that has more than the format can hold.
 *
 * @param kinds  of modules that it has a place for
 * @throws EspalierError ADAPTER_NOT_EXPRESSIBLE with everything that would be lost
 */
export function assertExpressible(
  { modules, saved }: StoredAdapter,
  { format, kinds }: { readonly format: string; readonly kinds: readonly NonNullable<AdaptableModule['kind']>[] },
): void {
  const problems = [
    ...[...modules].flatMap(([path, { kind = 'linear', magnitude }]) => [
      ...(kinds.includes(kind) ? [] : [`${path} is of the kind ${kind}`]),
      ...(magnitude === undefined ? [] : [`${path} has magnitudes (DoRA)`]),
    ]),
    ...[...(saved?.keys() ?? [])].map((name) => `${name} is replaced whole`),
  ];
  if (problems.length > 0) throw new EspalierError('ADAPTER_NOT_EXPRESSIBLE', { format, problems });
}

/** What a format without a configuration says of a module. */
export interface BareModule {
  readonly path: string;
  readonly rank: number;
  readonly alpha: number;
}

/**
 * A configuration that gives these ranks and alphas: the most frequent ones for all, and patterns for the others. The
 * targets are whole paths, because only the base knows which shorter names would fit no other module.
 */
export function configOfModules(
  modules: readonly BareModule[],
  { useRslora = false }: { readonly useRslora?: boolean } = {},
): LoraConfig {
  const rank = mostFrequent(modules.map((module) => module.rank));
  const alpha = mostFrequent(modules.map((module) => module.alpha));
  const others = (key: 'rank' | 'alpha', usual: number): Record<string, number> =>
    Object.fromEntries(modules.filter((module) => module[key] !== usual).map((module) => [module.path, module[key]]));
  return {
    rank,
    alpha,
    dropout: 0,
    targetModules: modules.map(({ path }) => path),
    rankPattern: others('rank', rank),
    alphaPattern: others('alpha', alpha),
    useRslora,
  };
}

function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best), [1, 0])[0];
}
