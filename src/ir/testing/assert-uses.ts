import type { Graph, Node, Value } from '../graph.ts';

/** Recounts the uses of all values, including those in subgraphs, and compares them with `Value.uses`. */
export function assertUses(graph: Graph): void {
  const counted = new Map<Value, Set<string>>();
  const ids = new Map<Node, number>();
  const visit = (inner: Graph): void => {
    for (const value of inner.values()) if (!counted.has(value)) counted.set(value, new Set());
    for (const node of inner.nodes) {
      ids.set(node, ids.size);
      node.subgraphs.forEach(visit);
    }
  };
  visit(graph);
  for (const node of ids.keys()) {
    node.inputs.forEach((value, index) => value && counted.get(value)?.add(`${ids.get(node)}:${index}`));
  }
  for (const [value, expected] of counted) {
    const actual = new Set([...value.uses].map((use) => `${ids.get(use.node)}:${use.index}`));
    const isSame = actual.size === expected.size && [...actual].every((use) => expected.has(use));
    if (!isSame) throw new Error(`uses of ${value.name} are ${[...actual].join(' ')}, not ${[...expected].join(' ')}`);
  }
}
