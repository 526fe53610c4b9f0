import { EspalierError } from '../core/index.ts';
import { Node } from './node.ts';
import type { Value } from './value.ts';

/**
 * @param readers  nodes that may read it, since they go as well
 * @throws EspalierError IR_IN_USE
 */
export function assertUnused(value: Value, owner: Node | Value, readers: ReadonlySet<Node> = new Set()): void {
  const what = owner instanceof Node ? `Node ${owner.label}` : `Value ${owner.name}`;
  for (const { node } of value.uses) if (!readers.has(node)) throw inUse(what, `node ${node.label}`);
  for (const graph of value.outputOf) throw inUse(what, `output ${value.name} of graph ${graph.name}`);
}

function inUse(what: string, user: string): EspalierError {
  return new EspalierError('IR_IN_USE', { what, user });
}

/** A node and all nodes of its subgraphs. */
export function withInner(node: Node): Node[] {
  return [node, ...node.subgraphs.flatMap((graph) => graph.nodes.flatMap(withInner))];
}

export function strangerAmong(nodes: Iterable<Node>, own: readonly Node[]): EspalierError {
  const stranger = [...nodes].find((node) => !own.includes(node));
  const where = `node ${stranger?.label ?? ''}`;
  return new EspalierError('IR_INVALID', { where, reason: 'the node is not in this graph' });
}

export function notHere(value: Value, what: string): EspalierError {
  return invalidValue(value, `it is not ${what} of this graph`);
}

export function invalidValue(value: Value, reason: string): EspalierError {
  return new EspalierError('IR_INVALID', { where: `value ${value.name}`, reason });
}
