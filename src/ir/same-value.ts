import { isDeepStrictEqual } from 'node:util';
import type { Value } from './graph.ts';

/** Deeper than any rounding of an input that builders record. */
const deepest = 8;

/**
 * Whether two values are certainly equal: the same value, equal constants in the model itself, or results of equal nodes that read such
 * values. False where that would take a longer search than the few nodes for which this is meant.
 */
export function sameValue(one: Value | undefined, other: Value | undefined, depth = deepest): boolean {
  if (one === other) return true;
  if (!one || !other || depth === 0) return false;
  if (one.constant || other.constant) {
    return one.constant?.kind === 'inline' && isDeepStrictEqual(one.constant, other.constant);
  }
  const [left, right] = [one.producer, other.producer];
  if (!left || !right || left.subgraphs.length > 0) return false;
  return (
    left.qualifiedType === right.qualifiedType &&
    left.outputs.indexOf(one) === right.outputs.indexOf(other) &&
    left.inputs.length === right.inputs.length &&
    isDeepStrictEqual(left.attributes, right.attributes) &&
    left.inputs.every((input, index) => sameValue(input, right.inputs[index], depth - 1))
  );
}
