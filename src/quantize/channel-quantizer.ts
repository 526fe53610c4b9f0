/** Rows of a matrix as unsigned bytes with zero point 128, and one scale for each row. */
export interface QuantizedChannels {
  /** u8 [rows, columns] */
  readonly levels: Uint8Array;
  /** f32 [rows] */
  readonly scales: Float32Array;
}

/**
 * Quantizes each row symmetrically:
 *
 *   w ≈ scale · (q − 128),   1 ≤ q ≤ 255
 *
 * WHY unsigned: on processors without VNNI, ONNX Runtime multiplies unsigned by signed bytes in 16 bits, which can overflow.
 *
 * @param values  f32 [rows, columns]
 */
export function quantizeChannels(values: Float32Array, columns: number): QuantizedChannels {
  const rows = values.length / columns;
  const levels = new Uint8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * columns, (row + 1) * columns];
    let largest = 0;
    for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0));
    const scale = Math.fround(largest / 127);
    scales[row] = scale > 0 ? scale : 1;
    const inverse = scale > 0 ? 127 / largest : 0;
    for (let i = start; i < end; i++) levels[i] = Math.floor((values[i] ?? 0) * inverse + 128.5);
  }
  return { levels, scales };
}
