import type { Graph, Model, Node, Value } from '../../ir/index.ts';
import { recordOf, restoreUses } from './inject-parameters.ts';
import { adapterKey, loraKey, replacesKey } from './lora-keys.ts';

/**
 * Takes out what injectLora, injectStackedLora or injectParameters put into a graph: everything, or one adapter that was injected under a name. Once
 * all is out, the graph is the very same as before: its bytes are those. A graph without adapters stays as it is.
 */
export function removeLora(model: Model, { adapter }: { readonly adapter?: string } = {}): void {
  const { graph } = model;
  const isAdded = ({ metadata }: Node | Value): boolean =>
    metadata.has(loraKey) && (adapter === undefined || metadata.get(adapterKey) === adapter);
  const added = graph.nodes.filter(isAdded);
  const inputs = [...graph.inputs].filter(isAdded);
  for (const input of inputs.toReversed()) restoreUses(model, input);
  // WHY from the last one: a result that another adapter builds upon is put back only after that one's own.
  for (const node of added.toReversed()) restore(graph, node);
  graph.removeNodes(added);
  const renamed = inputs.flatMap((input) => recordOf(input)?.renamed ?? []);
  for (const input of inputs) graph.removeInput(input);
  for (const { from, to } of renamed.toReversed()) {
    const value = graph.value(to);
    if (value) graph.rename(value, from);
  }
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
