import type { AdaptableModule } from '../../ir/index.ts';
import type { ModuleWeights } from '../../lora/index.ts';
import { typedArray } from '../../tensor/index.ts';
import { transposed } from '../transpose.ts';

/** An adapter's part in a merge, and how strongly: 1 as it was trained. */
export interface MergedAdapter {
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  readonly scale: number;
}

/** What is added to a weight as the checkpoint stores it: row i gets factor · Σₖ rows[i, k] · columns[k, :]. */
interface Product {
  /** f32 [rows, terms] */
  readonly rows: Float32Array;
  readonly terms: number;
  /** f32 [rank, columns] */
  readonly columns: Float32Array;
  /** Rows of the weight that share their rows of `columns`: all of them, but for a convolution in groups. */
  readonly groupRows: number;
  readonly factor: number;
}

/** Changes rows of one weight, any stretch of them at a time. */
export interface WeightUpdate {
  /** Numbers in a row. */
  readonly columns: number;
  /** @param values  f32 [count, columns], the rows from `first` on; changed in place */
  apply(values: Float32Array, first: number): void;
}

/**
 * The change that adapters make to one module's weight, W + Σ scaleᵢ · scalingᵢ · Bᵢ·Aᵢ, for the weight as it is stored: of a
 * transposed layer and of an embedding that is [in, out].
 *
 * With a magnitude (DoRA) each row of the sum is made as long as it says.
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
  return {
    columns,
    apply(values, first) {
      for (let start = 0, row = first; start < values.length; start += columns, row++) {
        const slice = values.subarray(start, start + columns);
        sum.set(slice);
        for (const product of products) addProduct(sum, product, row);
        if (lengths !== undefined) scaleTo(sum, lengths[row] ?? 0);
        slice.set(sum);
      }
    },
  };
}

async function productOf(module: AdaptableModule, weights: ModuleWeights, scale: number): Promise<Product> {
  const { rank, scaling, a, b } = weights;
  const factor = scaling * scale;
  if (storedTurned(module)) {
    const [rows, columns] = [typedArray(await transposed(a)), typedArray(await transposed(b))];
    return { rows, terms: rank, columns, groupRows: module.in, factor };
  }
  const groups = rank / (b.shape[1] ?? rank);
  return { rows: typedArray(b), terms: rank / groups, columns: typedArray(a), groupRows: module.out / groups, factor };
}

/** Whether the checkpoint has the module's weight as [in, out]. */
export function storedTurned({ kind, transposed: turned }: AdaptableModule): boolean {
  return kind === 'embedding' || turned === true;
}

function addProduct(sum: Float64Array, { rows, terms, columns, groupRows, factor }: Product, row: number): void {
  const width = sum.length;
  const group = Math.floor(row / groupRows) * terms;
  for (let k = 0; k < terms; k++) {
    const weight = factor * (rows[row * terms + k] ?? 0);
    if (weight === 0) continue;
    const start = (group + k) * width;
    for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + weight * (columns[start + i] ?? 0);
  }
}

function scaleTo(row: Float64Array, length: number): void {
  const squares = row.reduce((total, value) => total + value * value, 0);
  const factor = length / Math.sqrt(squares);
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) * factor;
}
