import {
  constantDtype,
  definePass,
  inOrder,
  Tape,
  zeroAfter,
  type Graph,
  type Model,
  type Node,
  type Use,
  type Value,
} from '../../ir/index.ts';
import { gradientKey } from '../differentiate.ts';

/**
 * Lets the backward pass make floats of a weight of integers a second time, right before the product that reads them. Otherwise the
 * floats of all weights would be in memory from the forward pass on.
 *
 * Run it after `differentiate` and before `recompute`. It changes a DequantizeLinear whose weight is constant and whose scale waits for an
 * input of its product (`exactDequantization`).
 */
export const dequantizeAgain = definePass(
  'dequantize-again',
  (model) =>
    model.graph.nodes.filter(isOfConstants).flatMap((node) => {
      const late = [...(node.outputs[0]?.uses ?? [])].filter((use) => use.node.metadata.has(gradientKey));
      return late.flatMap((use) => again(model, node, use));
    }),
  { ensures: [inOrder] },
);

function isOfConstants(node: Node): boolean {
  return node.opType === 'DequantizeLinear' && !node.metadata.has(gradientKey) && scaleOf(node) !== undefined;
}

/** The constant scale of a weight of integers, to which a zero was added; undefined for any other node. */
function scaleOf({ inputs }: Node): Value | undefined {
  const [weight, scale] = inputs;
  if (weight?.constant === undefined || scale?.producer?.opType !== 'Add') return undefined;
  return scale.producer.inputs.find((input) => input?.constant !== undefined);
}

function again(model: Model, node: Node, { node: reader, index }: Use): string[] {
  const [weight, , zeroPoint] = node.inputs;
  const [output] = node.outputs;
  const scale = scaleOf(node);
  const after = reader.inputs.find((input) => input?.producer !== undefined && input !== output);
  if (scale === undefined || output === undefined || after === undefined || (after.shape?.length ?? 0) === 0) return [];
  const metadata = { [gradientKey]: node.label };
  const tape = new Tape(model, { scope: reader.label, metadata, insertBefore: reader });
  const later = tape.op('Add', [scale, zeroAfter(tape, after, scale.dtype)]);
  const floats = tape.op('DequantizeLinear', [weight, later, zeroPoint], {
    attributes: Object.fromEntries(node.attributes),
    ...(output.dtype && { dtype: output.dtype }),
    ...(output.shape && { shape: output.shape }),
  });
  reader.setInput(index, floats);
  return [`${reader.label} dequantizes its weight`];
}

/** Whether a graph has weights of integers that products read. */
export function hasIntegerWeights({ nodes }: Graph): boolean {
  return nodes.some(({ opType, inputs }) => {
    const weight = inputs[opType === 'MatMulNBits' ? 1 : 0];
    const isProduct = opType === 'MatMulNBits' || opType === 'DequantizeLinear';
    return isProduct && weight?.constant !== undefined && constantDtype(weight.constant) !== 'float32';
  });
}
