import type { Graph, Model, Node, Value } from '../ir/index.ts';
import { adapterKey, loraKey, replacesKey } from './lora-keys.ts';

/**
 * Takes out what injectLora or injectStackedLora put into a graph: everything, or one adapter that was injected under a name. Once
 * all is out, the graph is the very same as before: its bytes are those. A graph without adapters stays as it is.
 */
export function removeLora(model: Model, { adapter }: { readonly adapter?: string } = {}): void {
  const { graph } = model;
  const isAdded = ({ metadata }: Node | Value): boolean =>
    metadata.has(loraKey) && (adapter === undefined || metadata.get(adapterKey) === adapter);
  const added = graph.nodes.filter(isAdded);
  // WHY from the last one: a result that another adapter builds upon is put back only after that one's own.
  for (const node of added.toReversed()) restore(graph, node);
  graph.removeNodes(added);
  for (const value of [...graph.inputs].filter(isAdded)) graph.removeInput(value);
  for (const value of [...graph.initializers.values()].filter(isAdded)) graph.removeInitializer(value);
}

/** Where this node gives a changed result: everybody reads the module's own again. */
function restore(graph: Graph, node: Node): void {
  const place = node.metadata.get(replacesKey);
  const [result] = node.outputs;
  if (place === undefined || result === undefined) return;
  const colon = place.lastIndexOf(':');
  const reader = graph.nodes.find(({ name }) => name === place.slice(0, colon));
  const y = reader?.inputs[Number(place.slice(colon + 1))];
  if (y === undefined || !reader?.metadata.has(loraKey))
    throw new TypeError(`${node.name} does not say what it changed`);
  graph.replaceAllUses(result, y);
}
