import { tensorOf, type TensorData } from '../../tensor/index.ts';
import { inlineConstant } from '../constant.ts';
import type { Graph } from '../graph.ts';
import { reinferNode } from '../shapes/index.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import type { Value } from '../value.ts';
import { definePass } from './pass.ts';

/**
 * Replaces arithmetic on shapes by its result: every small integer vector whose elements shape inference knows becomes
 * an initializer. Floats and large tensors are ONNX Runtime's to fold; its kernels are the truth about rounding.
 * @throws EspalierError IR_SHAPE from shape inference
 */
export const foldConstants = definePass('fold-constants', (model) => foldGraph(model.graph, model));

function foldGraph(graph: Graph, model: Model): string[] {
  return [...graph.nodes].flatMap((node) => {
    const inner = node.subgraphs.flatMap((subgraph) => foldGraph(subgraph, model));
    reinferNode(node, model);
    const [value] = node.outputs;
    const tensor = value && node.opType !== 'Constant' && knownTensor(value);
    if (!tensor || node.outputs.length !== 1 || value.isGraphOutput) return inner;
    replace(graph, node, value, tensor);
    return [
      ...inner,
      `folded ${node.qualifiedType} ${node.label} into ${tensor.dtype} [${value.elements?.join(', ')}]`,
    ];
  });
}

function knownTensor({ dtype, shape, elements }: Value): TensorData | undefined {
  if (dtype !== 'int64' && dtype !== 'int32') return undefined;
  if (shape === undefined || !elements?.every((element) => Number.isSafeInteger(element))) return undefined;
  const dims = shape.length === 0 ? [] : [elements.length];
  return tensorOf(dtype, dims, elements.map(Number));
}

function replace(graph: Graph, node: Node, value: Value, tensor: TensorData): void {
  const { name } = value;
  const constant = graph.addInitializer(graph.uniqueName(name), inlineConstant(tensor));
  graph.replaceAllUses(value, constant);
  graph.removeNode(node);
  graph.rename(constant, name);
}
