import type { ConstantData, Graph, Model } from '../../ir/index.ts';
import { elementSize } from '../../tensor/index.ts';

/** Data below this stays in the graph: shapes, small tables and biases, which passes read. */
const smallestOutside = 4096;

export interface WeightPlaces {
  /** The bytes that the model was decoded from. */
  readonly bytes: Uint8Array;
  /** Path of those bytes from the folder of the base. */
  readonly location: string;
  /** Put before the files that the model names. */
  readonly prefix: string;
}

/**
 * Makes every large tensor of a model a place in a file: those in other files are named from the folder of the base, and those
 * inside the .onnx file itself become a part of that file. So a graph made from the model weighs a few kilobytes, and the runtime
 * reads the weights where they lie.
 *
 * @returns how many bytes lie outside the graph
 */
export function placeWeights(model: Model, places: WeightPlaces): number {
  return [model.graph, ...model.functions.map(({ graph }) => graph)].reduce(
    (sum, graph) => sum + placeIn(graph, places),
    0,
  );
}

function placeIn(graph: Graph, places: WeightPlaces): number {
  let outside = 0;
  for (const value of graph.initializers.values()) {
    if (value.constant === undefined) continue;
    value.constant = placed(value.constant, places);
    if (value.constant.kind === 'external') outside += value.constant.length;
  }
  const inner = graph.nodes.flatMap((node) => node.subgraphs);
  return inner.reduce((sum, subgraph) => sum + placeIn(subgraph, places), outside);
}

function placed(constant: ConstantData, { bytes, location, prefix }: WeightPlaces): ConstantData {
  if (constant.kind === 'external') return { ...constant, location: prefix + constant.location };
  if (constant.kind !== 'inline' || constant.tensor.bytes.length < smallestOutside) return constant;
  const { dtype, shape, bytes: data } = constant.tensor;
  const offset = data.byteOffset - bytes.byteOffset;
  // Typed lists of the file were copied when they were decoded, and packed types have no offset of their own.
  if (data.buffer !== bytes.buffer || elementSize(dtype) === 0) return constant;
  const { name } = constant;
  return { kind: 'external', ...(name !== undefined && { name }), location, offset, length: data.length, dtype, shape };
}
