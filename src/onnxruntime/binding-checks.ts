import { EspalierError, nearest } from '../core/index.ts';
import type { DataType } from '../tensor/index.ts';
import type { ValueInfo } from './value-info.ts';

/** @throws EspalierError BINDING_NAME_UNKNOWN with the nearest existing name */
export function findValue(kind: 'input' | 'output', name: string, values: readonly ValueInfo[]): ValueInfo {
  const value = values.find((candidate) => candidate.name === name);
  if (value !== undefined) return value;
  const names = values.map((candidate) => candidate.name);
  const near = nearest(name, names);
  const hint = near === undefined ? `It has: ${names.slice(0, 12).join(', ') || 'none'}.` : `Did you mean ${near}?`;
  throw new EspalierError('BINDING_NAME_UNKNOWN', { kind, name, hint });
}

/** @throws EspalierError BINDING_MISMATCH if the dtype, the rank or a fixed dimension differs */
export function assertFits(value: ValueInfo, tensor: { dtype: DataType; shape: readonly number[] }): void {
  const { name, dtype, shape } = value;
  const fits =
    dtype === tensor.dtype &&
    shape.length === tensor.shape.length &&
    shape.every((dim, axis) => typeof dim === 'string' || dim === tensor.shape[axis]);
  if (fits) return;
  const expected = `${dtype ?? 'a value that is no tensor'} [${shape.join(', ')}]`;
  const actual = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  throw new EspalierError('BINDING_MISMATCH', { name, expected, actual });
}
