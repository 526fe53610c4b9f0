import type { Dim, Shape } from '../dim.ts';
import { formatShape, type OpView } from './infer-rule.ts';

/**
 * The broadcast shape by numpy's rules; undefined if a rank is unknown.
 * @throws EspalierError IR_SHAPE if two numbers cannot be broadcast
 */
export function broadcastShapes(op: OpView, shapes: readonly (Shape | undefined)[]): Shape | undefined {
  let result: Shape = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    result = broadcastPair(op, result, shape);
  }
  return result;
}

function broadcastPair(op: OpView, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = i < rank - a.length ? 1 : a[i - rank + a.length];
    const right = i < rank - b.length ? 1 : b[i - rank + b.length];
    if (typeof left === 'number' && typeof right === 'number' && left !== right && left !== 1 && right !== 1) {
      throw op.error(`${formatShape(a)} and ${formatShape(b)} cannot be broadcast`);
    }
    return broadcastDim(left, right);
  });
}

/** If a symbol meets a number above 1, the result is the number. Two different symbols give an unknown dimension. */
function broadcastDim(a: Dim, b: Dim): Dim {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number') return a;
  return typeof b === 'number' ? b : undefined;
}
