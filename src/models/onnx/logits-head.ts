import { inferNode, Tape, type Model, type Node, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import { adaptableNodes } from './adaptable-nodes.ts';

/** The last product of a network, which computes logits from hidden states. */
export interface LogitsHead {
  readonly product: Node;
  /** Its input: [..., hidden] */
  readonly hidden: Value;
  readonly hiddenSize: number;
  /** The nodes after the product up to the logits, in order: for example a bias, a soft cap, a Reshape. */
  readonly tail: readonly Node[];
}

const rowByRow = new Set(['Add', 'Sub', 'Mul', 'Div', 'Tanh', 'Cast', 'Reshape', 'Identity']);

/**
 * Finds the product that computes the logits. Only operators that work on each row by itself may follow it.
 * @returns undefined when another operator follows. Rows can then only be selected from the logits.
 */
export function findHead({ graph }: Model, logits: Value): LogitsHead | undefined {
  const products = new Map(adaptableNodes(graph).map((found) => [found.node, found]));
  const tail: Node[] = [];
  for (let value: Value = logits; ;) {
    const node = value.producer;
    const found = node && products.get(node);
    const [x] = node?.inputs ?? [];
    if (node && x && found?.kind === 'linear' && isFloat(x))
      return { product: node, hidden: x, hiddenSize: found.in, tail };
    if (node === undefined || x === undefined || !rowByRow.has(node.opType) || node.domain !== '') return undefined;
    const [next, ...others] = node.inputs.filter((input) => input && input.producer !== undefined);
    const constants = node.inputs.flatMap((input) => (input?.constant && node.opType !== 'Reshape' ? input : []));
    const isRow = constants.every(({ shape }) => (shape?.length ?? 2) <= 1);
    // The shape of a Reshape may be computed: the Reshape is removed anyway.
    if (next === undefined || !isRow || (others.length > 0 && node.opType !== 'Reshape')) return undefined;
    tail.unshift(node);
    value = node.opType === 'Reshape' ? x : next;
  }
}

/** A product of bytes rounds its rows with one scale for all of them, so its rows are not selected. */
function isFloat({ dtype }: Value): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16';
}

/** [..., hidden] → f32 [tokens, hidden], recorded before the head's product. */
export function flatHidden(model: Model, { product, hidden, hiddenSize }: LogitsHead): Value {
  const tape = new Tape(model, { scope: 'espalier/hidden', insertBefore: product });
  const flat = hidden.shape?.length === 2 ? hidden : tape.op('Reshape', [hidden, tape.int64s([-1, hiddenSize])]);
  return asFloat32(tape, flat);
}

/**
 * Replaces the input of the head by other rows, and removes every Reshape after the head.
 * @param rows  f32 [rows, hidden]
 * @returns f32 [rows, vocab]
 */
export function readRows(model: Model, head: LogitsHead, rows: Value, logits: Value): Value {
  const { product, hidden, tail } = head;
  const tape = new Tape(model, { scope: 'espalier/head', insertBefore: product });
  const isSame = hidden.dtype === undefined || rows.dtype === hidden.dtype;
  const cast = isSame
    ? rows
    : tape.op('Cast', [rows], { attributes: { to: dataTypeNumber(hidden.dtype ?? 'float32') } });
  product.setInput(0, cast);
  let result = logits;
  for (const node of tail) {
    const [x] = node.inputs;
    const [y] = node.outputs;
    if (node.opType !== 'Reshape' || x === undefined || y === undefined) continue;
    model.graph.replaceAllUses(y, x);
    if (y === result) result = x;
  }
  for (const node of [product, ...tail]) {
    for (const output of node.outputs) if (output) output.shape = undefined;
    if (node.opType !== 'Reshape') inferNode(node, model);
  }
  return asFloat32(new Tape(model, { scope: 'espalier/logits' }), result);
}

export function asFloat32(tape: Tape, value: Value): Value {
  if (value.dtype === undefined || value.dtype === 'float32') return value;
  return tape.op('Cast', [value], { attributes: { to: dataTypeNumber('float32') } });
}
