import { breathe } from '../../core/index.ts';
import type { ModuleWeights } from '../../lora/index.ts';
import { tensorOf, typedArray, type TensorOf } from '../../tensor/index.ts';
import type { StoredAdapter } from '../formats/stored-adapter.ts';

/** How two adapters change one module. */
export interface ModuleDifference {
  readonly path: string;
  readonly ranks: readonly [number, number];
  readonly scalings: readonly [number, number];
  /** Frobenius norms of the two updates, ‖scaling · B·A‖. */
  readonly norms: readonly [number, number];
  /** Frobenius norm of their difference; undefined if their sizes differ. */
  readonly distance: number | undefined;
  /** The largest difference of two elements of the updates; only if requested. */
  readonly largest?: number | undefined;
  /** The largest difference of two magnitudes (DoRA); absent if neither has magnitudes. */
  readonly magnitudes?: number;
}

export interface AdapterDifference {
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
  readonly modules: readonly ModuleDifference[];
  /** Names of parameters that only one adapter replaces, or that both replace by different numbers. */
  readonly saved: readonly string[];
  /** Whether all compared values are equal to the last bit. */
  readonly equal: boolean;
}

export interface CompareOptions {
  /** Also compares every element of the updates, row by row, which takes seconds for a large module. */
  readonly largest?: boolean;
}

/** Compares the updates of two adapters, module by module. Their matrices may differ. */
export async function compareAdapters(
  first: StoredAdapter,
  second: StoredAdapter,
  { largest = false }: CompareOptions = {},
): Promise<AdapterDifference> {
  const without = (one: StoredAdapter, other: StoredAdapter): string[] =>
    [...one.modules.keys()].filter((path) => !other.modules.has(path));
  const modules: ModuleDifference[] = [];
  for (const [path, weights] of first.modules) {
    const other = second.modules.get(path);
    if (other === undefined) continue;
    const compared = compareModules(weights, other);
    const worst = largest && compared.distance !== undefined ? await largestDifference(weights, other) : undefined;
    modules.push({ path, ...compared, ...(worst !== undefined && { largest: worst }) });
    await breathe();
  }
  const [onlyInFirst, onlyInSecond] = [without(first, second), without(second, first)];
  const saved = differingParameters(first, second);
  const differs = ({ distance, magnitudes = 0 }: ModuleDifference): boolean => distance !== 0 || magnitudes !== 0;
  const lists = [onlyInFirst, onlyInSecond, saved, modules.filter(differs)];
  return { onlyInFirst, onlyInSecond, modules, saved, equal: lists.every(({ length }) => length === 0) };
}

function compareModules(first: ModuleWeights, second: ModuleWeights): Omit<ModuleDifference, 'path'> {
  const [one, other] = [factorsOf(first), factorsOf(second)];
  const magnitudes = magnitudeDistance(first, second);
  return {
    ranks: [first.rank, second.rank],
    scalings: [first.scaling, second.scaling],
    norms: [normOf([one]), normOf([other])],
    distance: distanceOf(one, other),
    ...(magnitudes !== undefined && { magnitudes }),
  };
}

/** The Frobenius norm of one module's update, ‖scaling · B·A‖. */
export function updateNorm(weights: ModuleWeights): number {
  return normOf([factorsOf(weights)]);
}

/** factor · B·A, with A [rank, columns] and B [rows, rank] flat. */
interface Factors {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  readonly factor: number;
}

function factorsOf({ a, b, rank, scaling }: ModuleWeights): Factors {
  return { a: typedArray(a), b: typedArray(b), rank, factor: scaling };
}

function distanceOf(one: Factors, other: Factors): number | undefined {
  const sizes = ({ a, b, rank }: Factors): string => `${a.length / rank} ${b.length / rank}`;
  if (sizes(one) !== sizes(other)) return undefined;
  if (sameNumbers(one.a, other.a) && sameNumbers(scaled(one), scaled(other))) return 0;
  return normOf([one, { ...other, factor: -other.factor }]);
}

/** B times the factor, as f32, as a format without a factor would store it. */
function scaled({ b, factor }: Factors): Float32Array {
  return b.map((value) => value * factor);
}

function sameNumbers(first: Float32Array, second: Float32Array): boolean {
  return first.length === second.length && first.every((value, i) => value === second[i]);
}

/**
 * ‖Σ factorᵢ·Bᵢ·Aᵢ‖ without the product itself: its square is the sum over all pairs of rank-one terms of
 * (bᵢ·bⱼ)(aᵢ·aⱼ).
 */
function normOf(parts: readonly Factors[]): number {
  const terms = parts.flatMap((part) => Array.from({ length: part.rank }, (_, k) => ({ ...part, k })));
  let square = 0;
  for (const [i, one] of terms.entries()) {
    for (const [j, other] of terms.entries()) {
      if (j < i) continue;
      const product = one.factor * other.factor * dotColumns(one, other) * dotRows(one, other);
      square += i === j ? product : 2 * product;
    }
  }
  return Math.sqrt(Math.max(0, square)); // rounding may give a value slightly below zero
}

/** Multiplications between two turns of the event loop. */
const productsPerSlice = 2 ** 20;

/** The largest element of |ΔW₁ − ΔW₂|, one row of the products in memory at a time. */
async function largestDifference(first: ModuleWeights, second: ModuleWeights): Promise<number> {
  const one = factorsOf(first);
  const parts = [one, { ...factorsOf(second), factor: -second.scaling }];
  const [width, rows] = [one.a.length / one.rank, one.b.length / one.rank];
  const rowsPerSlice = Math.max(1, Math.floor(productsPerSlice / (width * (first.rank + second.rank))));
  const sum = new Float64Array(width);
  let worst = 0;
  for (let row = 0; row < rows; row++) {
    if (row % rowsPerSlice === 0) await breathe();
    sum.fill(0);
    for (const { a, b, rank, factor } of parts) {
      for (let k = 0; k < rank; k++) {
        const weight = factor * (b[row * rank + k] ?? 0);
        for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + weight * (a[k * width + i] ?? 0);
      }
    }
    for (const value of sum) worst = Math.max(worst, Math.abs(value));
  }
  return worst;
}

type Term = Factors & { readonly k: number };

/** Dot product of rows of two A. */
function dotRows(one: Term, other: Term): number {
  const width = one.a.length / one.rank;
  let sum = 0;
  for (let i = 0; i < width; i++) sum += (one.a[one.k * width + i] ?? 0) * (other.a[other.k * width + i] ?? 0);
  return sum;
}

/** Dot product of columns of two B. */
function dotColumns(one: Term, other: Term): number {
  const rows = one.b.length / one.rank;
  let sum = 0;
  for (let i = 0; i < rows; i++) sum += (one.b[i * one.rank + one.k] ?? 0) * (other.b[i * other.rank + other.k] ?? 0);
  return sum;
}

function magnitudeDistance({ magnitude: one }: ModuleWeights, { magnitude: other }: ModuleWeights): number | undefined {
  if (one === undefined && other === undefined) return undefined;
  if (one === undefined || other === undefined || one.shape.join() !== other.shape.join()) return Infinity;
  const second = typedArray(other);
  return typedArray(one).reduce((worst, value, i) => Math.max(worst, Math.abs(value - (second[i] ?? NaN))), 0);
}

/** Whole parameters that differ, and the biases of modules that both have (`lora_bias`). */
function differingParameters(one: StoredAdapter, other: StoredAdapter): string[] {
  const [first, second] = [parametersOf(one, other), parametersOf(other, one)];
  const names = [...new Set([...first.keys(), ...second.keys()])];
  return names.filter((name) => {
    const [one, other] = [first.get(name), second.get(name)];
    if (one === undefined || other === undefined || one.shape.join() !== other.shape.join()) return true;
    return Buffer.compare(one.bytes, other.bytes) !== 0;
  });
}

function parametersOf({ modules, saved }: StoredAdapter, other: StoredAdapter): Map<string, TensorOf<'float32'>> {
  const biases = [...modules].flatMap(([path, { bias, scaling }]) =>
    bias === undefined || !other.modules.has(path) ? [] : [[`${path}.lora_bias`, timesFactor(bias, scaling)] as const],
  );
  return new Map([...(saved ?? []), ...biases]);
}

function timesFactor(tensor: TensorOf<'float32'>, factor: number): TensorOf<'float32'> {
  return tensorOf(
    'float32',
    tensor.shape,
    typedArray(tensor).map((value) => value * factor),
  );
}
