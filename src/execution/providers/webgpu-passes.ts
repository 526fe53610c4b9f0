import { EspalierError } from '../../core/index.ts';
import { definePass, inferShapes, Tape, type Model, type Node, type Pass, type Value } from '../../ir/index.ts';
import { exactBlocks } from './webgpu-weights.ts';

const microsoft = 'com.microsoft';

/**
 * Computes the inverse of the deviation from the input of a normalization, where the graph reads it.
 *
 *   inv = 1 / √(E[x²] + ε)
 *
 * WHY: the WebGPU kernel of SimplifiedLayerNormalization in ONNX Runtime 1.30 does not write this output, and what is read there is what
 * was in the memory before. The gradient of the operator needs it. (LayerNormalization writes its outputs.)
 */
export const explicitDeviation: Pass = definePass('explicit-deviation', (model) =>
  model.graph.nodes.flatMap((node) => {
    const [x] = node.inputs;
    const inverse = node.opType === 'SimplifiedLayerNormalization' ? node.outputs[1] : undefined;
    if (x === undefined || inverse?.isUsed !== true) return [];
    const tape = new Tape(model, { scope: `${node.label}/deviation`, insertAfter: node });
    const epsilon = tape.scalar(node.floatAttribute('epsilon', 1e-5));
    const deviation = tape.op('Sqrt', [tape.op('Add', [meanOver(tape, tape.op('Mul', [x, x]), node), epsilon])]);
    model.graph.replaceAllUses(inverse, tape.op('Reciprocal', [deviation]));
    return [`${node.label} has its deviation computed`];
  }),
);

function meanOver(tape: Tape, value: Value, node: Node): Value {
  const axes = axesOf(node, value);
  if ((tape.model.opsets.get('') ?? 0) < 18)
    return tape.op('ReduceMean', [value], { attributes: { axes, keepdims: 1 } });
  return tape.op('ReduceMean', [value, tape.int64s(axes)], { attributes: { keepdims: 1 } });
}

/** The axes from `axis` to the last. */
function axesOf(node: Node, { shape }: Value): number[] {
  const axis = node.intAttribute('axis', -1);
  const first = axis < 0 || shape === undefined ? axis : axis - shape.length;
  if (first >= 0) {
    const reason = `the deviation of ${node.label} is read, and its rank is not known`;
    throw new EspalierError('PROVIDER_UNAVAILABLE', { provider: 'webgpu', reason });
  }
  return Array.from({ length: -first }, (_, i) => i + first);
}

/**
 * Writes products of transposed matrices as transpositions and products, which WebGPU has. WHY: FusedMatMul would run on the CPU, with
 * copies before and after it.
 */
export const plainProducts: Pass = definePass('plain-products', (model) =>
  model.graph.nodes.flatMap((node) => {
    const [a, b] = node.inputs;
    if (node.domain !== microsoft || node.opType !== 'FusedMatMul' || a === undefined || b === undefined) return [];
    const flag = (name: string): boolean => node.intAttribute(name, 0) !== 0;
    if (flag('transBatchA') || flag('transBatchB')) return [];
    if ((flag('transA') && a.shape === undefined) || (flag('transB') && b.shape === undefined)) return [];
    const [y] = node.outputs;
    if (y === undefined) return [];
    const tape = new Tape(model, { scope: `${node.label}/plain`, insertBefore: node });
    const left = flag('transA') ? transposed(tape, a) : a;
    const right = flag('transB') ? transposed(tape, b) : b;
    const product = tape.op('MatMul', [left, right]);
    const alpha = node.floatAttribute('alpha', 1);
    replaceNode(model, node, alpha === 1 ? product : tape.op('Mul', [product, tape.scalar(alpha)]));
    return [`${node.label} is a product of transposed matrices`];
  }),
);

/** The last two axes exchanged. */
function transposed(tape: Tape, value: Value): Value {
  const rank = value.shape?.length ?? 0;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return tape.op('Transpose', [value], { attributes: { perm } });
}

/** log(softmax(x)) in operators that WebGPU has. */
export const plainLogSoftmax: Pass = definePass('plain-log-softmax', (model) =>
  model.graph.nodes.flatMap((node) => {
    const [x] = node.inputs;
    const axis = node.intAttribute('axis', -1);
    if (node.opType !== 'LogSoftmax' || node.domain !== '' || x === undefined || axis !== -1) return [];
    if ((model.opsets.get('') ?? 0) < 18) return [];
    const tape = new Tape(model, { scope: `${node.label}/plain`, insertBefore: node });
    const reduce = (opType: string, value: Value): Value =>
      tape.op(opType, [value, tape.int64s([-1])], { attributes: { keepdims: 1 } });
    // WHY the largest first: powers of e overflow beyond 88.
    const shifted = tape.op('Sub', [x, reduce('ReduceMax', x)]);
    const logSum = tape.op('Log', [reduce('ReduceSum', tape.op('Exp', [shifted]))]);
    replaceNode(model, node, tape.op('Sub', [shifted, logSum]));
    return [`${node.label} is computed from its exponentials`];
  }),
);

/** Puts a value in the place of a node's only output. */
function replaceNode({ graph }: Model, node: Node, by: Value): void {
  const [y] = node.outputs;
  if (y === undefined) return;
  graph.replaceAllUses(y, by);
  graph.removeNode(node);
}

/** The rewrites that a graph needs to be computed on WebGPU, and to run there as a whole. */
export const webgpuPasses: readonly Pass[] = [
  definePass('shapes-for-webgpu', (model) => {
    inferShapes(model);
    return [];
  }),
  explicitDeviation,
  plainProducts,
  plainLogSoftmax,
  exactBlocks,
];
