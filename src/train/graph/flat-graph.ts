import { decodeModel, encodeModel, inferShapes, Tape, type Model, type Value } from '../../ir/index.ts';
import type { LossGraph } from './loss-graph.ts';
import type { ParameterEntry } from './parameter-arena.ts';
import type { FlatLayout } from './passes.ts';

/** The names of the input and the output that take the place of a training graph's parameters and gradients. */
export const flatNames = { parameters: 'parameters.flat', gradients: 'gradients.flat' } as const;

/**
 * Lets a training graph read its parameters from one flat input f32 [length], and write its gradients as one, both in the layout of the
 * entries. The gradients of what is not trained, and of the gaps, are 0.
 *
 * @returns the graph as bytes
 */
export function flattenGraph(
  { bytes, gradientOf }: Pick<LossGraph, 'bytes' | 'gradientOf'>,
  { entries, length }: FlatLayout,
): Uint8Array {
  const model = decodeModel(bytes);
  inferShapes(model);
  readFlat(model, entries, length);
  writeFlat(model, entries, { length, gradientOf });
  return encodeModel(model);
}

function readFlat(model: Model, entries: readonly ParameterEntry[], length: number): void {
  const { graph } = model;
  const flat = graph.addInput(flatNames.parameters, 'float32', [length]);
  const [first] = graph.nodes;
  const tape = new Tape(model, { scope: 'flat', ...(first && { insertBefore: first }) });
  const axis = tape.int64s([0]);
  for (const { name, shape, start, end } of entries) {
    const input = graph.value(name);
    if (input === undefined) throw new TypeError(`the graph does not read ${name}`);
    const part = tape.op('Slice', [flat, tape.int64s([start]), tape.int64s([end]), axis]);
    graph.replaceAllUses(input, tape.op('Reshape', [part, tape.int64s(shape)], { shape }));
    graph.removeInput(input);
  }
}

function writeFlat(
  model: Model,
  entries: readonly ParameterEntry[],
  { length, gradientOf }: { readonly length: number } & Pick<LossGraph, 'gradientOf'>,
): void {
  const { graph } = model;
  const tape = new Tape(model, { scope: 'flat' });
  const parts: Value[] = [];
  let at = 0;
  const zerosTo = (end: number): void => {
    if (end > at) parts.push(tape.op('Expand', [tape.scalar(0), tape.int64s([end - at])], { shape: [end - at] }));
    at = Math.max(at, end);
  };
  for (const { name, start, end } of entries) {
    const output = gradientOf.get(name);
    if (output === undefined) continue;
    const gradient = graph.value(output);
    if (gradient === undefined) throw new TypeError(`the graph does not write ${output}`);
    zerosTo(start);
    parts.push(tape.op('Reshape', [gradient, tape.int64s([end - start])], { shape: [end - start] }));
    graph.removeOutput(gradient);
    at = end;
  }
  zerosTo(length);
  graph.addOutput(
    tape.op('Concat', parts, { attributes: { axis: 0 }, outputName: flatNames.gradients, shape: [length] }),
  );
}
