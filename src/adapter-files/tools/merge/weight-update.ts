import type { AdaptableModule } from '../../../ir/index.ts';
import type { ModuleWeights } from '../../../lora/index.ts';
import { typedArray, type TensorOf } from '../../../tensor/index.ts';
import { transposed } from '../../formats/transpose.ts';

/** An adapter in a merge, with its strength: 1 as it was trained. */
export interface MergedAdapter {
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  /** Parameters that replace those of the base. */
  readonly saved?: ReadonlyMap<string, TensorOf<'float32'>>;
  readonly scale: number;
}

/** The update of a weight in the checkpoint's layout: row i gets factor · Σₖ rows[i, k] · columns[k, :]. */
interface Product {
  /** f32 [rows, rank] */
  readonly rows: Float32Array;
  readonly rank: number;
  /** f32 [rank, columns] */
  readonly columns: Float32Array;
  readonly factor: number;
}

/** Changes rows of one weight, any range of them at a time. */
export interface WeightUpdate {
  /** Length of a row. */
  readonly columns: number;
  /** If it is defined, it is called once for all unchanged rows before any `apply`. @param values  as for `apply` */
  measure?(values: Float32Array, first: number): void;
  /** @param values  f32 [count, columns], the rows from `first` on; changed in place */
  apply(values: Float32Array, first: number): void;
}

/**
 * The change that adapters make to one module's weight, W + Σ scaleᵢ · scalingᵢ · Bᵢ·Aᵢ, for the weight as it is stored: of a
 * transposed layer and of an embedding that is [in, out].
 *
 * With a magnitude (DoRA), the weights of one output (a row of W, or a column if it is stored transposed) are scaled to the length that
 * the magnitude gives.
 *
 * @see Liu et al. 2024 (DoRA), eq. 5
 */
export async function createWeightUpdate(
  module: AdaptableModule,
  parts: readonly { readonly weights: ModuleWeights; readonly scale: number }[],
): Promise<WeightUpdate> {
  const products: Product[] = [];
  for (const { weights, scale } of parts) products.push(await productOf(module, weights, scale));
  const magnitude = parts.find(({ weights }) => weights.magnitude !== undefined)?.weights.magnitude;
  const lengths = magnitude && typedArray(magnitude);
  const columns = (products[0]?.columns.length ?? 0) / (parts[0]?.weights.rank ?? 1);
  const sum = new Float64Array(columns);
  const eachRow = (values: Float32Array, first: number, use: (row: number, slice: Float32Array) => void): void => {
    for (let start = 0, row = first; start < values.length; start += columns, row++) {
      const slice = values.subarray(start, start + columns);
      sum.set(slice);
      for (const product of products) addProduct(sum, product, row);
      use(row, slice);
    }
  };
  if (lengths !== undefined && storedTurned(module)) return columnScaling(columns, { lengths, sum, eachRow });
  return {
    columns,
    apply: (values, first) =>
      eachRow(values, first, (row, slice) => {
        if (lengths !== undefined) scaleTo(sum, lengths[row] ?? 0);
        slice.set(sum);
      }),
  };
}

interface Rows {
  /** f32 [columns], the length of each column. */
  readonly lengths: Float32Array;
  /** f64 [columns], the current row of `eachRow`. */
  readonly sum: Float64Array;
  eachRow(values: Float32Array, first: number, use: (row: number, slice: Float32Array) => void): void;
}

/** A column extends over all rows, so its length must be known before the first row is written. */
function columnScaling(columns: number, { lengths, sum, eachRow }: Rows): WeightUpdate {
  const squares = new Float64Array(columns);
  return {
    columns,
    measure: (values, first) =>
      eachRow(values, first, () => {
        for (let i = 0; i < columns; i++) squares[i] = (squares[i] ?? 0) + (sum[i] ?? 0) ** 2;
      }),
    apply: (values, first) =>
      eachRow(values, first, (_, slice) => {
        for (let i = 0; i < columns; i++) slice[i] = ((sum[i] ?? 0) * (lengths[i] ?? 0)) / Math.sqrt(squares[i] ?? 0);
      }),
  };
}

async function productOf(module: AdaptableModule, weights: ModuleWeights, scale: number): Promise<Product> {
  const { rank, scaling, a, b } = weights;
  const factor = scaling * scale;
  if (!storedTurned(module)) return { rows: typedArray(b), rank, columns: typedArray(a), factor };
  return { rows: typedArray(await transposed(a)), rank, columns: typedArray(await transposed(b)), factor };
}

/** A parameter that replaces one of the base. */
export function createReplacement(tensor: TensorOf<'float32'>): WeightUpdate {
  const numbers = typedArray(tensor);
  return { columns: 1, apply: (values, first) => values.set(numbers.subarray(first, first + values.length)) };
}

/** The change that adapters make to one module's bias (`lora_bias`): b + Σ factorᵢ · biasᵢ. */
export function createBiasUpdate(
  parts: readonly { readonly bias: TensorOf<'float32'>; readonly factor: number }[],
): WeightUpdate {
  const all = parts.map(({ bias, factor }) => ({ numbers: typedArray(bias), factor }));
  const apply = (values: Float32Array, first: number): void => {
    for (const i of values.keys()) {
      values[i] = all.reduce((sum, { numbers, factor }) => sum + factor * (numbers[first + i] ?? 0), values[i] ?? 0);
    }
  };
  return { columns: 1, apply };
}

/** Whether the checkpoint has the module's weight as [in, out]. */
export function storedTurned({ kind, transposed: turned }: AdaptableModule): boolean {
  return kind === 'embedding' || turned === true;
}

function addProduct(sum: Float64Array, { rows, rank, columns, factor }: Product, row: number): void {
  const width = sum.length;
  for (let k = 0; k < rank; k++) {
    const weight = factor * (rows[row * rank + k] ?? 0);
    if (weight === 0) continue;
    for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + weight * (columns[k * width + i] ?? 0);
  }
}

function scaleTo(row: Float64Array, length: number): void {
  const squares = row.reduce((total, value) => total + value * value, 0);
  const factor = length / Math.sqrt(squares);
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) * factor;
}
