import type { DataType } from '../tensor/index.ts';
import type { Dim, Node, Tape, Value } from '../ir/index.ts';

/** The index, name and type of an optional output. */
export interface SavedOutput {
  readonly index: number;
  /** The output's name in the operator's specification. */
  readonly name: string;
  readonly dtype: DataType | undefined;
  readonly shape: readonly Dim[] | undefined;
}

/** An optional output of a forward node that the backward pass reads. The output is added to the node if it is missing. */
export function savedOutput(tape: Tape, node: Node, { index, name, dtype, shape }: SavedOutput): Value {
  const { graph } = tape.model;
  const value =
    node.outputs[index] ?? graph.addNodeOutput(node, index, { name: graph.uniqueName(`${node.label}.${name}`) });
  value.dtype ??= dtype;
  value.shape ??= shape;
  return value;
}
