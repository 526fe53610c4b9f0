/** Rows of a matrix as signed bytes, and one scale for each row. */
export interface QuantizedChannels {
  /** s8 [rows, columns] */
  readonly levels: Int8Array;
  /** f32 [rows] */
  readonly scales: Float32Array;
}

/**
 * Quantizes each row symmetrically:
 *
 *   w ≈ scale · q,   |q| ≤ 127
 *
 * WHY signed: ONNX Runtime multiplies unsigned bytes by signed ones up to twice as fast as by unsigned ones.
 *
 * @param values  f32 [rows, columns]
 */
export function quantizeChannels(values: Float32Array, columns: number): QuantizedChannels {
  const rows = values.length / columns;
  const levels = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * columns, (row + 1) * columns];
    let largest = 0;
    for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0));
    const scale = Math.fround(largest / 127);
    scales[row] = scale > 0 ? scale : 1;
    const inverse = scale > 0 ? 127 / largest : 0;
    for (let i = start; i < end; i++) levels[i] = Math.floor((values[i] ?? 0) * inverse + 0.5);
  }
  return { levels, scales };
}
