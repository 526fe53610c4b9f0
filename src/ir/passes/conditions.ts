import { isSorted } from '../sort.ts';
import type { Graph, Node } from '../graph.ts';
import type { Condition } from './pass.ts';

/** Every node of the main graph comes after the nodes whose outputs it reads. */
export const inOrder: Condition = {
  name: 'every node stands behind what it reads',
  broken: ({ graph }) => (isSorted(graph) ? undefined : `graph ${graph.name} is not in topological order`),
};

/** The graph has at least one output, and each output is a computed value, an initializer or an input. */
export const hasOutputs: Condition = {
  name: 'the graph has outputs, and each has a source',
  broken: ({ graph }) => {
    if (graph.outputs.length === 0) return `graph ${graph.name} has no output`;
    const lost = graph.outputs.find(
      (value) => value.producer === undefined && value.constant === undefined && !value.isGraphInput,
    );
    return lost && `nothing produces the output ${lost.name}`;
  },
};

/** The graph has inputs with these names, and each is used. */
export function readsInputs(names: readonly string[]): Condition {
  return {
    name: 'the graph reads its new inputs',
    broken: ({ graph }) => {
      const inputs = new Map(graph.inputs.map((input) => [input.name, input]));
      const lost = names.find((name) => inputs.get(name) === undefined);
      if (lost !== undefined) return `there is no input ${lost}`;
      const unread = names.find((name) => !(inputs.get(name)?.isUsed || inputs.get(name)?.isGraphOutput));
      return unread === undefined ? undefined : `nothing reads the input ${unread}`;
    },
  };
}

/** No node satisfies `isWrong`, including nodes in subgraphs. */
export function noNode(name: string, isWrong: (node: Node) => boolean): Condition {
  const find = (graph: Graph): Node | undefined => {
    for (const node of graph.nodes) {
      if (isWrong(node)) return node;
      const inner = node.subgraphs.map(find).find((found) => found !== undefined);
      if (inner) return inner;
    }
    return undefined;
  };
  return {
    name,
    broken: ({ graph }) => {
      const node = find(graph);
      return node && `${node.qualifiedType} ${node.label}`;
    },
  };
}
