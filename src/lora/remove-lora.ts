import { moduleKey, type Model, type Node, type Value } from '../ir/index.ts';
import { loraKey } from './linear-nodes.ts';

/**
 * Takes out everything that injectLora or injectStackedLora put into a graph, and gives back the very same graph: its
 * bytes are those from before. A graph without adapters stays as it is.
 */
export function removeLora(model: Model): void {
  const { graph } = model;
  const added = graph.nodes.filter(({ metadata }) => metadata.has(loraKey));
  for (const node of added) {
    const [result] = node.outputs;
    const y = ownResult(node);
    if (y !== undefined && result) graph.replaceAllUses(result, y);
  }
  for (const node of added.toReversed()) graph.removeNode(node);
  for (const value of [...graph.inputs].filter(isAdded)) graph.removeInput(value);
  for (const value of [...graph.initializers.values()].filter(isAdded)) graph.removeInitializer(value);
}

/** The linear node's own result, where this is the node that adds the update to it. */
function ownResult(node: Node): Value | undefined {
  const addend = node.opType === 'Gemm' ? node.inputs[2] : node.opType === 'Add' ? node.inputs[0] : undefined;
  const producer = addend?.producer;
  const isOwn = producer?.metadata.get(moduleKey) === node.metadata.get(loraKey) && !producer?.metadata.has(loraKey);
  return isOwn ? addend : undefined;
}

function isAdded(value: Value): boolean {
  return value.metadata.has(loraKey);
}
