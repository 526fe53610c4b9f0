import type { Graph, Node } from '../../graph.ts';
import type { Tensor64 } from './tensor64.ts';

/** One computation of a node. */
export interface Call {
  readonly node: Node;
  readonly inputs: readonly (Tensor64 | undefined)[];
  /** Computes the outputs of a subgraph of the node. */
  readonly compute: (graph: Graph, inputs: readonly Tensor64[]) => Tensor64[];
}

/** An operator in f64: the outputs of a node. */
export type Operator64 = (call: Call) => readonly Tensor64[];

/** Operators by their full names, as in `Node.qualifiedType`. */
export type Operators64 = Readonly<Record<string, Operator64>>;

/** The input at a place. @throws TypeError if the node has none there */
export function input({ node, inputs }: Call, index: number): Tensor64 {
  const found = inputs[index];
  if (found === undefined) throw new TypeError(`${node.qualifiedType} ${node.label} has no input ${index}`);
  return found;
}

/** Refuses attributes that the operator does not know here: what it ignored would change its result. */
export function assertAttributes({ node }: Call, known: readonly string[]): void {
  const unknown = [...node.attributes.keys()].filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new TypeError(`${node.qualifiedType} in f64 does not know ${unknown.join(', ')}`);
}
