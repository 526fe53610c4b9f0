import type { ConstantData, Graph, Model } from '../../ir/index.ts';
import { elementSize } from '../../tensor/index.ts';

/** Smaller tensors stay in the graph: shapes, small tables and biases, which passes read. */
const smallestOutside = 4096;

export interface WeightPlaces {
  /** The bytes from which the model was decoded. */
  readonly bytes: Uint8Array;
  /** The path of the file with these bytes, relative to the folder of the base. */
  readonly location: string;
  /** The prefix for the files that the model names. */
  readonly prefix: string;
}

/**
 * Replaces the data of every large tensor of a model by a reference to a part of a file. For tensors inside the .onnx file this is the
 * .onnx file itself. Paths of files are relative to the folder of the base. A graph from the model then has a few kilobytes, and the
 * runtime reads the weights from their files.
 *
 * @returns the number of bytes outside the graph
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
  // Typed lists were copied when the file was decoded, so they have no offset in the file. Neither have packed types.
  if (data.buffer !== bytes.buffer || elementSize(dtype) === 0) return constant;
  const { name } = constant;
  return { kind: 'external', ...(name !== undefined && { name }), location, offset, length: data.length, dtype, shape };
}
