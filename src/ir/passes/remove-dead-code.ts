import type { Graph, Node, Value } from '../graph.ts';
import { readValues } from '../sort.ts';
import { definePass } from './pass.ts';

/** Removes nodes and initializers that no output depends on, in subgraphs too. Inputs stay, because they are the model's interface. */
export const removeDeadCode = definePass('remove-dead-code', ({ graph }) => removeFrom(graph), {
  ensures: [{ name: 'an output depends on every node', broken: ({ graph }) => deadNode(graph)?.label }],
});

function deadNode(graph: Graph): Node | undefined {
  const live = liveNodes(graph);
  return graph.nodes.find((node) => !live.has(node));
}

function removeFrom(graph: Graph): string[] {
  const live = liveNodes(graph);
  const dead = graph.nodes.filter((node) => !live.has(node));
  graph.removeNodes(dead);
  const inner = graph.nodes.flatMap((node) => node.subgraphs.flatMap(removeFrom));
  const unused = [...graph.initializers.values()].filter((value) => !value.isUsed && !value.isGraphInput);
  for (const value of unused) graph.removeInitializer(value);
  return [
    ...dead.map((node) => `removed ${node.qualifiedType} ${node.label}`),
    ...unused.map((value) => `removed initializer ${value.name}`),
    ...inner,
  ];
}

function liveNodes(graph: Graph): ReadonlySet<Node> {
  const live = new Set<Node>();
  const open: Value[] = [...graph.outputs];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const { producer } = value;
    if (producer === undefined || live.has(producer)) continue;
    live.add(producer);
    open.push(...readValues(producer));
  }
  return live;
}
