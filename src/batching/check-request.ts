import { didYouMean, EspalierError } from '../core/index.ts';
import type { TensorData } from '../tensor/index.ts';
import type { ModelSignature, TensorSignature } from './model-signature.ts';

/** A checked request. The scheduler and the runner rely on its properties. */
export interface CheckedRequest {
  /** In the order of the model's inputs. */
  readonly inputs: readonly TensorData[];
  readonly outputs: readonly string[];
  /** The number of rows along the first axis if requests of the model are joined, else 1. */
  readonly rows: number;
  /** Equal for requests with the same other dimensions; undefined if the request runs alone. */
  readonly group: string | undefined;
}

export interface CheckOptions {
  readonly model: string;
  readonly signature: ModelSignature;
  readonly joins: boolean;
  readonly maxRows: number;
}

/**
 * Checks names, types and shapes of a request before any work.
 *
 * @param inputs   by name
 * @param outputs  names of the requested outputs; undefined or empty requests all
 * @throws EspalierError INFER_INPUT_UNKNOWN, INFER_INPUT_MISSING, INFER_INPUT_MISMATCH, INFER_OUTPUT_UNKNOWN,
 *   INFER_ROWS_DIFFER, INFER_BATCH_TOO_LARGE
 */
export function checkRequest(
  inputs: ReadonlyMap<string, TensorData>,
  outputs: readonly string[] | undefined,
  { model, signature, joins, maxRows }: CheckOptions,
): CheckedRequest {
  const known = signature.inputs.map(({ name }) => name);
  for (const name of inputs.keys()) {
    if (known.includes(name)) continue;
    const hint = didYouMean(name, known);
    throw new EspalierError('INFER_INPUT_UNKNOWN', { model, name, hint, known });
  }
  const missing = known.filter((name) => !inputs.has(name));
  if (missing.length > 0) throw new EspalierError('INFER_INPUT_MISSING', { model, names: missing });
  const tensors = signature.inputs.flatMap((input) => {
    const tensor = inputs.get(input.name);
    if (tensor !== undefined) assertFits(input, tensor);
    return tensor ?? [];
  });
  const wanted = checkOutputs(outputs, model, signature);
  if (!joins) return { inputs: tensors, outputs: wanted, rows: 1, group: undefined };
  const rows = rowsOf(signature, tensors, maxRows);
  return { inputs: tensors, outputs: wanted, rows, group: JSON.stringify(tensors.map(({ shape }) => shape.slice(1))) };
}

function assertFits({ name, dtype, shape }: TensorSignature, tensor: TensorData): void {
  const fits =
    dtype === tensor.dtype &&
    shape.length === tensor.shape.length &&
    shape.every((dim, axis) => typeof dim === 'string' || dim === tensor.shape[axis]);
  if (fits) return;
  const dims = shape.map((dim) => (typeof dim === 'string' ? -1 : dim)).join(', ');
  const actual = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  throw new EspalierError('INFER_INPUT_MISMATCH', { name, expected: `${dtype} [${dims}]`, actual });
}

function checkOutputs(outputs: readonly string[] | undefined, model: string, signature: ModelSignature): string[] {
  const known = signature.outputs.map(({ name }) => name);
  if (outputs === undefined || outputs.length === 0) return known;
  for (const name of outputs) {
    if (known.includes(name)) continue;
    const hint = didYouMean(name, known);
    throw new EspalierError('INFER_OUTPUT_UNKNOWN', { model, name, hint, known });
  }
  return [...new Set(outputs)];
}

function rowsOf({ inputs }: ModelSignature, tensors: readonly TensorData[], maxRows: number): number {
  const rows = tensors[0]?.shape[0] ?? 0;
  const [first = ''] = inputs.map(({ name }) => name);
  for (const [place, tensor] of tensors.entries()) {
    const [actual = 0, name = ''] = [tensor.shape[0], inputs[place]?.name];
    if (actual !== rows) throw new EspalierError('INFER_ROWS_DIFFER', { first, rows, name, actual });
  }
  if (rows === 0) {
    throw new EspalierError('INFER_INPUT_MISMATCH', { name: first, expected: 'at least one row', actual: 'none' });
  }
  if (rows > maxRows) throw new EspalierError('INFER_BATCH_TOO_LARGE', { rows, limit: maxRows });
  return rows;
}
