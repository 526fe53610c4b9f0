import { externalLocations, type ConstantData, type Graph, type Model } from '../../ir/index.ts';
import type { StoredTensor, StoredTensors } from '../stored-tensors.ts';

/** All initializers of a model whose large weights were placed in files, and these files. */
export function storedConstants(model: Model): StoredTensors {
  const tensors = new Map<string, StoredTensor>();
  const add = (graph: Graph, prefix: string): void => {
    for (const { name, constant } of graph.initializers.values()) {
      const stored = constant && storedTensor(constant);
      if (stored !== undefined) tensors.set(prefix + name, stored);
    }
    const inner = graph.nodes.flatMap((node) => node.subgraphs);
    for (const [i, subgraph] of inner.entries()) add(subgraph, `${prefix}${i}/`);
  };
  add(model.graph, '');
  for (const fn of model.functions) add(fn.graph, `${fn.domain}:${fn.name}:${fn.overload}/`);
  return { form: 'onnx', tensors, locations: externalLocations(model) };
}

/** undefined for element types that cannot be read. */
function storedTensor(constant: ConstantData): StoredTensor | undefined {
  if (constant.kind === 'opaque') return undefined;
  if (constant.kind === 'inline') return constant.tensor;
  const { location, offset, length, dtype, shape } = constant;
  return { location, offset, length, dtype, shape };
}
