/** Numbers of a nested list, and its shape. */
export interface NestedNumbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/**
 * Flattens a number, or a list of lists of numbers that are all of one length.
 * @returns the error in words if the value has another form
 */
export function readNestedNumbers(value: unknown): NestedNumbers | string {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0] as unknown) {
    shape.push(inner.length);
    if (shape.length > 16) return 'it is nested too deeply';
  }
  const values: number[] = [];
  const problem = flatten(value, { shape, depth: 0, values });
  return problem ?? { shape, values };
}

interface Flattening {
  readonly shape: readonly number[];
  readonly depth: number;
  readonly values: number[];
}

function flatten(value: unknown, { shape, depth, values }: Flattening): string | undefined {
  if (depth === shape.length) {
    if (typeof value === 'boolean') values.push(Number(value));
    else if (typeof value === 'number' && Number.isFinite(value)) values.push(value);
    else return `it has ${JSON.stringify(value)?.slice(0, 40) ?? 'nothing'} where a number should be`;
    return undefined;
  }
  if (!Array.isArray(value)) return 'it has numbers beside lists';
  if (value.length !== shape[depth]) return `it has lists of ${shape[depth]} and of ${value.length} beside each other`;
  for (const inner of value) {
    const problem = flatten(inner, { shape, depth: depth + 1, values });
    if (problem !== undefined) return problem;
  }
  return undefined;
}
