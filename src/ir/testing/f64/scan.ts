import { assertAttributes, input, type Call, type Operators64 } from './operator64.ts';
import { countOf, type Tensor64 } from './tensor64.ts';

/** Scan over the first axis. Its body reads no values of the graph around it. */
export const scan: Operators64 = { Scan: run };

function run(call: Call): Tensor64[] {
  assertAttributes(call, ['body', 'num_scan_inputs', 'scan_input_directions', 'scan_output_directions']);
  const { node, inputs } = call;
  const body = node.graphAttribute('body');
  if (body === undefined) throw new TypeError('Scan has a body');
  const states = inputs.length - node.intAttribute('num_scan_inputs', 0);
  const parts = inputs.map((_, index) => input(call, index));
  const steps = parts[states]?.shape[0] ?? 0;
  const outputs = node.outputs.length - states;
  const isBackwards = (name: string, place: number): boolean => node.intsAttribute(name)?.[place] === 1;
  let carried = parts.slice(0, states);
  const collected: Tensor64[][] = Array.from({ length: outputs }, () => []);
  for (let step = 0; step < steps; step++) {
    const rows = parts.slice(states).map((part, place) => {
      return rowOf(part, isBackwards('scan_input_directions', place) ? steps - 1 - step : step);
    });
    const results = call.compute(body, [...carried, ...rows]);
    carried = results.slice(0, states);
    results.slice(states).forEach((result, place) => {
      if (isBackwards('scan_output_directions', place)) collected[place]?.unshift(result);
      else collected[place]?.push(result);
    });
  }
  return [...carried, ...collected.map(stacked)];
}

function rowOf({ shape: [, ...shape], values, isWhole }: Tensor64, row: number): Tensor64 {
  const size = countOf(shape);
  return { shape, values: values.slice(row * size, (row + 1) * size), isWhole };
}

function stacked(rows: readonly Tensor64[]): Tensor64 {
  const [first] = rows;
  if (first === undefined) throw new TypeError('Scan in f64 knows at least one step');
  const size = first.values.length;
  const values = new Float64Array(rows.length * size);
  for (const [index, row] of rows.entries()) values.set(row.values, index * size);
  return { shape: [rows.length, ...first.shape], values, isWhole: first.isWhole };
}
