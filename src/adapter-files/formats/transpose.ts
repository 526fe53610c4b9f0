import { breathe } from '../../core/index.ts';
import { typedArray, zerosOf, type TensorOf } from '../../tensor/index.ts';

/** Elements that are moved between two turns of the event loop, about a millisecond. */
const elementsPerSlice = 2 ** 17;

/** f32 [rows, columns] → f32 [columns, rows], each element times `factor`. */
export async function transposed(matrix: TensorOf<'float32'>, factor = 1): Promise<TensorOf<'float32'>> {
  const [rows = 0, columns = 0] = matrix.shape;
  const from = typedArray(matrix);
  const result = zerosOf('float32', [columns, rows]);
  const to = typedArray(result);
  const rowsPerSlice = Math.max(1, Math.floor(elementsPerSlice / Math.max(1, columns)));
  for (let start = 0; start < rows; start += rowsPerSlice) {
    if (start > 0) await breathe();
    for (let row = start; row < Math.min(rows, start + rowsPerSlice); row++) {
      for (let column = 0; column < columns; column++) {
        to[column * rows + row] = (from[row * columns + column] ?? 0) * factor;
      }
    }
  }
  return result;
}
