import { definePass, Tape, type Model, type Node, type Pass } from '../../ir/index.ts';
import { tensorOf, typedArray } from '../../tensor/index.ts';

/** A product of bytes that rounds its input to 255 levels, and the node that rounds it. */
interface RoundedProduct {
  readonly product: Node;
  readonly rounding: Node;
}

/** Whether a graph multiplies rounded inputs by signed weights in the form that Espalier builds. */
export function hasSignedProducts(model: Model): boolean {
  return model.graph.nodes.some((node) => roundedProduct(node) !== undefined);
}

/**
 * Rounds the inputs of products with signed weights to 127 levels instead of 255:
 *
 *   (round(63 · x / s) + 64) ⊗ W / 63      instead of      (round(127 · x / s) + 128) ⊗ W / 127
 *
 * WHY: on processors without VNNI, pairs of products are added in 16 bits. Two products of at most 127 · 127 fit into them, and two of
 * 255 · 127 do not. The alternative, unsigned weights, is exact there and takes up to twice the time.
 */
export const narrowActivations: Pass = definePass('narrow-activations', (model) =>
  model.graph.nodes.flatMap((node) => {
    const found = roundedProduct(node);
    if (found === undefined) return [];
    const { product, rounding } = found;
    const tape = new Tape(model, { scope: `${product.label}/narrow` });
    const [step, middle] = [tape.scalar(1 / 63), tape.constant(tensorOf('uint8', [], Uint8Array.of(64)))];
    rounding.setInput(1, step);
    rounding.setInput(2, middle);
    for (const { node: reader } of rounding.outputs.flatMap((output) => [...(output?.uses ?? [])])) {
      reader.setInput(2, step);
      reader.setInput(4, middle);
    }
    return [`${rounding.label} rounds to 127 levels`];
  }),
);

/** WHY the exact step: graphs of other tools have steps of their own, and are computed as they say. */
const wholeStep = Math.fround(1 / 127);

function roundedProduct(product: Node): RoundedProduct | undefined {
  if (!isSigned(product)) return undefined;
  const rounding = product.inputs[0]?.producer;
  if (rounding?.opType !== 'QuantizeLinear') return undefined;
  const [, step, middle] = rounding.inputs;
  if (numberOf(step) !== wholeStep || numberOf(middle) !== 128) return undefined;
  const readers = rounding.outputs.flatMap((output) => [...(output?.uses ?? [])]);
  return readers.every(({ node, index }) => index === 0 && isSigned(node)) ? { product, rounding } : undefined;
}

function isSigned({ domain, opType, inputs }: Node): boolean {
  return domain === 'com.microsoft' && opType === 'MatMulIntegerToFloat' && inputs[1]?.dtype === 'int8';
}

function numberOf(value: Node['inputs'][number]): number | undefined {
  if (value?.constant?.kind !== 'inline' || value.shape?.length !== 0) return undefined;
  const [number] = typedArray(value.constant.tensor);
  return Number(number);
}
