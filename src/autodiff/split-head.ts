import { inlineConstant, Tape, zeroAfter, type ConstantData, type Model, type Node, type Value } from '../ir/index.ts';

/**
 * Divides a product with a matrix in blocks of 4 or 8 bits into products with some of its rows each, whose results are put side by side:
 *
 *   x · Wᵀ   ⇒   [x · W₁ᵀ, x · W₂ᵀ, …]
 *
 * WHY: both directions make floats of the whole matrix. The head of a large vocabulary is the largest matrix of a network by far, and its
 * floats would be the largest piece of memory of a pass.
 *
 * The parts are the bytes of the matrix where they lie; nothing is copied. A product stays as it is if the floats of its matrix take no
 * more than `bytes`, or if its bytes cannot be divided.
 *
 * @param bytes  how much the floats of a part may take; a part has at least one row
 */
export function splitProducts(model: Model, { bytes }: { readonly bytes: number }): void {
  for (const node of model.graph.nodes.filter(({ opType }) => opType === 'MatMulNBits')) split(model, node, bytes);
}

function split(model: Model, node: Node, bytes: number): void {
  const { graph } = model;
  const [x, ...stored] = node.inputs;
  const [output] = node.outputs;
  const [rows, columns] = [node.intAttribute('N', 0), node.intAttribute('K', 0)];
  const parts = Math.min(rows, Math.ceil((4 * rows * columns) / bytes));
  if (x === undefined || output === undefined || parts < 2) return;
  const tape = new Tape(model, { scope: node.label, insertBefore: node });
  const results: Value[] = [];
  for (let part = 0; part < parts; part++) {
    const [from, to] = [part, part + 1].map((place) => Math.floor((rows * place) / parts));
    const range = { rows, from: from ?? 0, to: to ?? rows };
    const pieces = stored.map((value) => value && pieceOf(value, range));
    if (pieces.some((piece, index) => piece === undefined && stored[index] !== undefined)) return;
    const inputs = pieces.map(
      (piece, index) => piece && graph.addInitializer(graph.uniqueName(`${stored[index]?.name ?? ''}.part`), piece),
    );
    const attributes = { ...Object.fromEntries(node.attributes), N: range.to - range.from };
    const named = { domain: node.domain, attributes, metadata: Object.fromEntries(node.metadata) };
    results.push(tape.op(node.opType, [x, ...inputs], named));
  }
  const shape = output.shape && { shape: output.shape };
  graph.replaceAllUses(output, tape.op('Concat', results, { attributes: { axis: -1 }, ...shape }));
  graph.removeNode(node);
}

interface Range {
  /** Rows of the whole matrix. */
  readonly rows: number;
  readonly from: number;
  readonly to: number;
}

/** What belongs to some rows of a matrix, of a constant that holds something for each row in order. */
function pieceOf({ constant }: Value, { rows, from, to }: Range): ConstantData | undefined {
  if (constant === undefined || constant.kind === 'opaque') return undefined;
  const { shape } = constant.kind === 'inline' ? constant.tensor : constant;
  const length = constant.kind === 'inline' ? constant.tensor.bytes.length : constant.length;
  const [first = 0, ...others] = shape;
  if (first % rows !== 0 || length % rows !== 0) return undefined;
  const piece = [(first / rows) * (to - from), ...others];
  const [start, end] = [(length / rows) * from, (length / rows) * to];
  if (constant.kind === 'inline') {
    const { dtype, bytes } = constant.tensor;
    return inlineConstant({ dtype, shape: piece, bytes: bytes.subarray(start, end) });
  }
  if (constant.decoding !== undefined) return undefined;
  const { location, offset, dtype, mayBeLink = false } = constant;
  return { kind: 'external', location, offset: offset + start, length: end - start, dtype, shape: piece, mayBeLink };
}

/**
 * Lets each term of a sum of products make floats of its matrix only after the sum of the terms before it. Otherwise ONNX Runtime may
 * make the floats of all parts of a head before the first product.
 *
 * Run it after `fuseGradientSums`.
 */
export function takeTermsInTurn(model: Model): void {
  for (const node of model.graph.nodes.filter(({ opType }) => opType === 'Gemm')) {
    const [, matrix, sum] = node.inputs;
    const made = matrix?.producer?.opType === 'Reshape' ? matrix.producer.inputs[0]?.producer : matrix?.producer;
    const later = made?.opType === 'DequantizeLinear' ? made.inputs[1]?.producer : undefined;
    const zero = later?.inputs.findIndex((input) => input?.producer !== undefined) ?? -1;
    if (later?.opType !== 'Add' || zero < 0 || sum?.producer === undefined || sum.shape?.length !== 2) continue;
    const tape = new Tape(model, {
      scope: node.label,
      insertBefore: later,
      metadata: Object.fromEntries(later.metadata),
    });
    later.setInput(zero, zeroAfter(tape, sum, 'float32'));
  }
}
