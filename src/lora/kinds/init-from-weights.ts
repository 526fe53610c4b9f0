import { breathe, EspalierError } from '../../core/index.ts';
import type { AdaptableModule, Model } from '../../ir/index.ts';
import {
  columnsOf,
  orthonormalize,
  singularParts,
  tensorOf,
  type TensorOf,
  timesTransposed,
  toFloat32,
  typedArray,
  zerosOf,
} from '../../tensor/index.ts';
import type { ModuleWeights } from '../adapter.ts';
import { assertConfig, settingsOf, type LoraConfig, type ModuleSettings } from '../lora-config.ts';
import { matchTargets } from '../targets/match-targets.ts';
import { readBaseWeights, type BaseWeight } from './read-base-weights.ts';

/**
 * Ways to initialize an adapter from the base's own weights. `rounds` uses an iteration with that many rounds instead of the exact
 * decomposition.
 */
export type WeightStart = { readonly method: 'pissa'; readonly rounds?: number } | { readonly method: 'olora' };

export interface WeightInitOptions {
  readonly start: WeightStart;
  /** A graph of the base, and the folder to which its weights' locations are relative. */
  readonly model: Model;
  readonly folder: string;
  readonly seed: number;
}

/**
 * Creates an adapter from parts of the base's weights W:
 *
 *   PiSSA: W ≈ U·S·Vᵀ, the `rank` largest singular values     A = √(S/s)·Vᵀ     B = U·√(S/s)
 *   OLoRA: W = Q·R, the first `rank` columns of Q and rows of R     A = R     B = Q
 *
 * s is the scaling. Training subtracts the initial adapter again (`LoraModule.initial`), so that the outputs do not change at first. The
 * saved adapter is the difference (`subtractInitial`), so the base's file need not change.
 *
 * @throws EspalierError LORA_CONFIG_INVALID, also for a rank above that of a weight; LORA_TARGET_UNMATCHED, LORA_FILTER_UNMATCHED,
 *   LORA_PATTERN_INVALID, LORA_WEIGHT_UNREADABLE
 * @see Meng et al. 2024 (PiSSA), eq. 2-3; Büyükakyüz 2024 (OLoRA), §3
 */
export async function initFromWeights(
  modules: readonly AdaptableModule[],
  config: LoraConfig,
  { start, model, folder, seed }: WeightInitOptions,
): Promise<Map<string, ModuleWeights>> {
  assertConfig(config);
  const { modules: paths } = matchTargets(modules, config);
  const settings = settingsOf(config, paths);
  const result = new Map<string, ModuleWeights>();
  for await (const weight of readBaseWeights(model, paths, { folder })) {
    const setting = settings.get(weight.path);
    if (setting === undefined) continue;
    result.set(weight.path, { ...setting, ...(await initialPair(weight, setting, { start, seed })) });
  }
  return result;
}

/**
 * The matrices with which the adapter of one weight begins.
 * @throws EspalierError LORA_CONFIG_INVALID for a rank above that of the weight, or an alpha that is not above 0
 */
export async function initialPair(
  weight: BaseWeight,
  setting: ModuleSettings,
  { start, seed }: Pick<WeightInitOptions, 'start' | 'seed'>,
): Promise<InitialPair> {
  assertRank(weight, setting);
  return start.method === 'pissa' ? pissa(weight, setting, { ...start, seed }) : olora(weight, setting);
}

export interface InitialPair {
  readonly a: TensorOf<'float32'>;
  readonly b: TensorOf<'float32'>;
}

async function pissa(
  { values, in: columns, out: rows }: BaseWeight,
  { rank, scaling }: ModuleSettings,
  { seed, rounds }: { readonly seed: number; readonly rounds?: number },
): Promise<InitialPair> {
  const options = { count: rank, seed, ...(rounds !== undefined && { rounds }) };
  const parts = await singularParts({ values, rows, columns }, options);
  const roots = parts.values.map((value) => Math.sqrt(value / scaling));
  return pairOf(
    parts.right.map((v, r) => v.map((value) => value * (roots[r] ?? 0))),
    parts.left.map((u, r) => u.map((value) => value * (roots[r] ?? 0))),
  );
}

async function olora({ values, in: columns, out: rows }: BaseWeight, { rank }: ModuleSettings): Promise<InitialPair> {
  const matrix = { values, rows, columns };
  const q = await columnsOf(matrix, rank);
  await orthonormalize(q);
  return pairOf(await timesTransposed(matrix, q), q);
}

/** The matrices A [rank, in] from its rows and B [out, rank] from its columns. */
function pairOf(rowsOfA: readonly Float64Array[], columnsOfB: readonly Float64Array[]): InitialPair {
  const rank = rowsOfA.length;
  const [width, out] = [rowsOfA[0]?.length ?? 0, columnsOfB[0]?.length ?? 0];
  const a = new Float32Array(rank * width);
  const b = new Float32Array(out * rank);
  rowsOfA.forEach((row, r) => a.set(row, r * width));
  columnsOfB.forEach((column, r) => column.forEach((value, o) => (b[o * rank + r] = value)));
  return { a: tensorOf('float32', [rank, width], a), b: tensorOf('float32', [out, rank], b) };
}

function assertRank({ path, in: width, out }: BaseWeight, { rank, scaling }: ModuleSettings): void {
  const limit = Math.min(width, out);
  const problems = [
    ...(rank <= limit ? [] : [`${path} has a weight of rank ${limit} at most, and rank ${rank} is asked for`]),
    ...(scaling > 0 ? [] : [`${path} needs an alpha above 0 to begin with its own weight`]),
  ];
  if (problems.length > 0) throw new EspalierError('LORA_CONFIG_INVALID', { path: 'given', problems });
}

/** An adapter and its configuration, in the form in which they are saved. */
export interface PlainAdapter {
  readonly config: LoraConfig;
  readonly modules: ReadonlyMap<string, ModuleWeights>;
}

/**
 * Converts the change of an adapter since its initialization to plain LoRA of twice the rank, which fits the unchanged base:
 *
 *   B·A − B₀·A₀ = [B −B₀]·[A; A₀]
 *
 * The ranks double. The alphas double too (times √2 with `useRslora`), so that the scaling stays the same.
 */
export async function subtractInitial(
  config: LoraConfig,
  modules: ReadonlyMap<string, ModuleWeights>,
  initial: ReadonlyMap<string, InitialPair>,
): Promise<PlainAdapter> {
  const result = new Map<string, ModuleWeights>();
  for (const [path, module] of modules) {
    await breathe();
    const before = initial.get(path);
    if (before === undefined) throw new TypeError(`${path} has no beginning`);
    result.set(path, minusInitial(module, before));
  }
  return { config: doubledConfig(config), modules: result };
}

/** The change of one module since its initialization, as plain LoRA of twice the rank. Its magnitude (DoRA) stays. */
export function minusInitial(module: ModuleWeights, before: InitialPair): ModuleWeights {
  return { ...module, rank: 2 * module.rank, a: stacked(module.a, before.a), b: besides(module.b, before.b) };
}

/** The configuration with twice the ranks and the same scalings. */
export function doubledConfig(config: LoraConfig): LoraConfig {
  const factor = config.useRslora === true ? Math.SQRT2 : 2;
  const times = (pattern: LoraConfig['rankPattern'], by: number): LoraConfig['rankPattern'] =>
    pattern && Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, value * by]));
  const [rankPattern, alphaPattern] = [times(config.rankPattern, 2), times(config.alphaPattern, factor)];
  return {
    ...config,
    rank: 2 * config.rank,
    alpha: factor * config.alpha,
    ...(rankPattern && { rankPattern }),
    ...(alphaPattern && { alphaPattern }),
  };
}

/** [A; A₀] */
function stacked(a: TensorOf<'float32'>, before: TensorOf<'float32'>): TensorOf<'float32'> {
  const [rank = 0, width = 0] = a.shape;
  const both = zerosOf('float32', [2 * rank, width]);
  typedArray(both).set(toFloat32(a));
  typedArray(both).set(toFloat32(before), rank * width);
  return both;
}

/** [B −B₀] */
function besides(b: TensorOf<'float32'>, before: TensorOf<'float32'>): TensorOf<'float32'> {
  const [out = 0, rank = 0] = b.shape;
  const both = zerosOf('float32', [out, 2 * rank]);
  const [values, now, first] = [typedArray(both), toFloat32(b), toFloat32(before)];
  for (let i = 0; i < now.length; i++) {
    const at = Math.floor(i / rank) * 2 * rank + (i % rank);
    values[at] = now[i] ?? 0;
    values[at + rank] = -(first[i] ?? 0);
  }
  return both;
}
