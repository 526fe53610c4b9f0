import type { Graph, Model, Node, Value } from '../../ir/index.ts';
import { recordOf, restoreUses } from './inject-parameters.ts';
import { adapterKey, loraKey, replacesKey } from './lora-keys.ts';

/**
 * Removes what injectLora, injectStackedLora or injectParameters added to a graph: everything, or one adapter by its name. After
 * everything has been removed, the graph has the same bytes as before the injection. A graph without adapters does not change.
 */
export function removeLora(model: Model, { adapter }: { readonly adapter?: string } = {}): void {
  const { graph } = model;
  const isAdded = ({ metadata }: Node | Value): boolean =>
    metadata.has(loraKey) && (adapter === undefined || metadata.get(adapterKey) === adapter);
  const added = graph.nodes.filter(isAdded);
  const inputs = [...graph.inputs].filter(isAdded);
  for (const input of inputs.toReversed()) restoreUses(model, input);
  // WHY from the last one: if adapters build on each other, the later one must be removed first.
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

/** If this node gives a changed result, its readers read the module's own result again. */
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
