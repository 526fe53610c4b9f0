import { EspalierError } from '../core/index.ts';
import type { Dim, Node, Tape, Value } from '../ir/index.ts';
import { sumOver } from './emit.ts';
import { sameDim } from './shapes.ts';

/**
 * Sums a gradient over the axes along which its input was broadcast, so that it has the input's shape.
 *
 *   y = x broadcast to y's shape   ⇒   dx = Σ dy over the axes that x does not have, or has with size 1
 *
 * The axes are determined from the shapes, and never guessed.
 *
 * @throws EspalierError AMBIGUOUS_BROADCAST if it is unknown whether two dimensions are equal
 */
export function unbroadcast(tape: Tape, gradient: Value, input: Value, node: Node): Value {
  const axes = broadcastAxes(gradient.shape, input.shape);
  if (axes === undefined) {
    const shapes = { actual: printShape(gradient.shape), expected: printShape(input.shape) };
    throw new EspalierError('AMBIGUOUS_BROADCAST', {
      node: node.label,
      opType: node.opType,
      value: input.name,
      ...shapes,
    });
  }
  const { lacking, ones } = axes;
  if (ones.length === 0) return sumOver(tape, gradient, lacking, false);
  const summed = sumOver(tape, gradient, [...lacking, ...ones], true);
  if (lacking.length === 0) return summed;
  return tape.op('Squeeze', [summed, tape.int64s(lacking)]);
}

/** The axes of `from` that `to` does not have, and those that it has with size 1; undefined if that is unknown. */
function broadcastAxes(
  from: readonly Dim[] | undefined,
  to: readonly Dim[] | undefined,
): { lacking: number[]; ones: number[] } | undefined {
  if (from === undefined || to === undefined || from.length < to.length) return undefined;
  const lead = from.length - to.length;
  const lacking = Array.from({ length: lead }, (_, axis) => axis);
  const ones: number[] = [];
  for (const [i, dim] of to.entries()) {
    if (sameDim(from[lead + i], dim)) continue;
    if (dim !== 1) return undefined;
    ones.push(lead + i);
  }
  return { lacking, ones };
}

export function printShape(shape: readonly Dim[] | undefined): string {
  return shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : 'unknown';
}
