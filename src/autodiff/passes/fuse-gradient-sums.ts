import {
  definePass,
  inOrder,
  Tape,
  type Attribute,
  type Graph,
  type Model,
  type Node,
  type Value,
} from '../../ir/index.ts';
import { gradientKey } from '../differentiate.ts';
import { sameShape } from '../shapes.ts';

/**
 * Fuses products into the sums of gradients that they are terms of: a two-dimensional product that is read only by a sum becomes a
 * Gemm whose C is the partial sum.
 *
 *   Sum(Y, A·B, A'·B')   ⇒   Gemm(A', B', C = Gemm(A, B, C = Y))
 *
 * In LoRA training the gradient of every layer's input is such a sum, with two products for each adapted module that reads it.
 * Only nodes of the backward pass are rewritten.
 */
export const fuseGradientSums = definePass(
  'fuse-gradient-sums',
  (model) => model.graph.nodes.filter(isGradientSum).flatMap((sum) => fuse(model, sum)),
  { ensures: [inOrder] },
);

function isGradientSum(node: Node): boolean {
  return node.domain === '' && (node.opType === 'Add' || node.opType === 'Sum') && node.metadata.has(gradientKey);
}

function fuse(model: Model, sum: Node): string[] {
  const [output] = sum.outputs;
  const terms = sum.inputs.flatMap((input) => input ?? []);
  if (output?.shape?.length !== 2 || !terms.every((term) => sameShape(term.shape, output.shape))) return [];
  const products = terms.filter((term, index) => isFusible(term) && terms.indexOf(term) === index);
  const others = terms.filter((term) => !products.includes(term));
  // WHY: if all terms are products, the first one stays as it is and the others are added to it.
  const added = others.length > 0 ? products : products.slice(1);
  if (added.length === 0) return [];
  const tape = new Tape(model, { scope: sum.name, insertBefore: sum });
  const start = others.length > 0 ? sumOf(tape, others, sum) : products[0];
  const total = added.reduce((sumSoFar, product) => addedTo(tape, sumSoFar, product), start);
  if (total === undefined) return [];
  replaceSum(model.graph, { sum, output, total, added });
  return [`${sum.label}: ${added.length} products add themselves to the sum`];
}

/** Whether the value is a product that has one reader and does not add a C yet. */
function isFusible(value: Value): boolean {
  const node = value.producer;
  if (node === undefined || node.domain !== '' || value.uses.size !== 1 || value.isGraphOutput) return false;
  if (node.opType === 'Gemm') return node.inputs[2] === undefined;
  return node.opType === 'MatMul' && node.inputs.every((input) => input?.shape?.length === 2);
}

function sumOf(tape: Tape, terms: readonly Value[], sum: Node): Value | undefined {
  if (terms.length === 1) return terms[0];
  return tape.op(terms.length === 2 ? 'Add' : 'Sum', terms, { metadata: Object.fromEntries(sum.metadata) });
}

function addedTo(tape: Tape, sum: Value | undefined, product: Value): Value | undefined {
  const node = product.producer;
  if (node === undefined || sum === undefined) return undefined;
  const [A, B] = node.inputs;
  const attributes: Record<string, Attribute> = Object.fromEntries(node.attributes);
  return tape.op('Gemm', [A, B, sum], { attributes, metadata: Object.fromEntries(node.metadata) });
}

interface Replacement {
  readonly sum: Node;
  readonly output: Value;
  readonly total: Value;
  /** The products that were fused, whose nodes are no longer needed. */
  readonly added: readonly Value[];
}

function replaceSum(graph: Graph, { sum, output, total, added }: Replacement): void {
  graph.replaceAllUses(output, total);
  graph.removeNode(sum);
  for (const { producer } of added) if (producer) graph.removeNode(producer);
}
