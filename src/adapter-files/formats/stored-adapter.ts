import { EspalierError } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { Adapter, FilePlace, LoraConfig, ModuleWeights } from '../../lora/index.ts';
import type { TensorOf } from '../../tensor/index.ts';

/** An adapter as stored in a file, not yet compared with a base. */
export interface StoredAdapter {
  readonly config: LoraConfig;
  /** By path: in the order of the file. */
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  /** Parameters of the base that it replaces, by their names in the checkpoint; absent: none. */
  readonly saved?: ReadonlyMap<string, TensorOf<'float32'>>;
  /** The base on which the adapter was trained, according to its file; undefined for formats that do not store it. */
  readonly baseName: string | undefined;
  /** The fingerprint of that base; absent: the file has none. */
  readonly baseFingerprint?: string | undefined;
  /** Where its tensors were read; absent: from no file. */
  readonly places?: Adapter['places'];
}

/** One module as a file's header describes it. */
export interface StoredModule extends Pick<ModuleWeights, 'kind' | 'rank' | 'scaling'> {
  readonly a: { readonly shape: readonly number[] };
  readonly b: { readonly shape: readonly number[] };
  /** Where its matrices lie in the file. */
  readonly places: { readonly a: FilePlace; readonly b: FilePlace };
  /** Its numbers. The whole file must have been read. */
  weights(): Promise<ModuleWeights>;
}

/** An adapter as the header of its file describes it. */
export interface StoredStructure extends Pick<StoredAdapter, 'config' | 'baseName' | 'baseFingerprint'> {
  readonly modules: ReadonlyMap<string, StoredModule>;
  /** The end of the last number in the file. */
  readonly end: number;
}

/** Reads the numbers of every module. The whole file must have been read. */
export async function readStored({
  config,
  baseName,
  baseFingerprint,
  modules,
}: StoredStructure): Promise<StoredAdapter> {
  const read = new Map<string, ModuleWeights>();
  const places = new Map<ModuleWeights['a'], FilePlace>();
  for (const [path, module] of modules) {
    const weights = await module.weights();
    read.set(path, weights);
    for (const part of ['a', 'b'] as const) places.set(weights[part], module.places[part]);
  }
  return { config, baseName, baseFingerprint, modules: read, places };
}

/**
 * Refuses an adapter with parts that the format cannot store.
 *
 * @param kinds  the kinds of modules that it can store
 * @throws EspalierError ADAPTER_NOT_EXPRESSIBLE with all such parts
 */
export function assertExpressible(
  { modules, saved }: StoredAdapter,
  { format, kinds }: { readonly format: string; readonly kinds: readonly NonNullable<AdaptableModule['kind']>[] },
): void {
  const problems = [
    ...[...modules].flatMap(([path, { kind = 'linear', magnitude, bias }]) => [
      ...(kinds.includes(kind) ? [] : [`${path} is of the kind ${kind}`]),
      ...(magnitude === undefined ? [] : [`${path} has magnitudes (DoRA)`]),
      ...(bias === undefined ? [] : [`${path} has a bias (lora_bias)`]),
    ]),
    ...[...(saved?.keys() ?? [])].map((name) => `${name} is replaced whole`),
  ];
  if (problems.length > 0) throw new EspalierError('ADAPTER_NOT_EXPRESSIBLE', { format, problems });
}

/** The settings of a module in a format without a configuration. */
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
