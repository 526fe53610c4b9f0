import { EspalierError } from '../core/index.ts';
import type { Graph, Node, Value } from './graph.ts';

/**
 * Sorts the nodes of a graph and its subgraphs topologically. The sort is stable: nodes that are in order keep their positions.
 * @throws EspalierError IR_INVALID for a cycle; the order is then unchanged
 */
export function sortNodes(graph: Graph): void {
  for (const node of graph.nodes) for (const subgraph of node.subgraphs) sortNodes(subgraph);
  if (isSorted(graph)) return;
  graph.reorder(topologicalOrder(graph));
}

/** Whether every value is computed before it is read. */
export function isSorted(graph: Graph): boolean {
  const own = new Set(graph.nodes);
  const done = new Set<Node>();
  return graph.nodes.every((node) => {
    const ready = dependencies(node).every((producer) => !own.has(producer) || done.has(producer));
    done.add(node);
    return ready;
  });
}

/** Depth-first search without recursion, because graphs are deeper than the stack. */
function topologicalOrder(graph: Graph): Node[] {
  const own = new Set(graph.nodes);
  const state = new Map<Node, 'open' | 'done'>();
  const order: Node[] = [];
  for (const root of graph.nodes) {
    const stack = [root];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (state.get(node) === 'done') {
        stack.pop();
      } else if (state.get(node) === 'open') {
        state.set(node, 'done');
        order.push(node);
        stack.pop();
      } else {
        state.set(node, 'open');
        const next = dependencies(node).filter((producer) => own.has(producer) && state.get(producer) !== 'done');
        const cyclic = next.find((producer) => state.get(producer) === 'open');
        if (cyclic) throw cycle(node);
        stack.push(...next.reverse());
      }
    }
  }
  return order;
}

/** The producers of the values that a node reads, including reads in its subgraphs. */
function dependencies(node: Node): Node[] {
  return readValues(node).flatMap((value) => value.producer ?? []);
}

/** The values that a node reads: its inputs, and the outer values that its subgraphs read or return. */
export function readValues(node: Node): Value[] {
  const inputs = node.inputs.flatMap((value) => value ?? []);
  const inner = node.subgraphs.flatMap((graph) => [...graph.nodes.flatMap(readValues), ...graph.outputs]);
  return [...inputs, ...inner];
}

function cycle(node: Node): EspalierError {
  return new EspalierError('IR_INVALID', {
    where: `node ${node.label}`,
    reason: 'it reads its own result, by way of others',
  });
}
