import {
  createModel,
  Graph,
  inferShapes,
  removeDeadCode,
  runPasses,
  sortNodes,
  Tape,
  type Model,
  type Node,
  type Value,
} from '../ir/index.ts';
import { differentiate } from './differentiate.ts';
import type { FrozenHead } from './frozen-head.ts';
import { dequantizeAgain } from './passes/dequantize-again.ts';
import { gradientPasses } from './passes/index.ts';
import { roundProducts } from './passes/round-products.ts';
import { transposeBytes } from './passes/transpose-bytes.ts';
import { splitProducts, takeTermsInTurn } from './split-head.ts';

export interface LossBodyOptions {
  readonly gradients: boolean;
  /** The name of the number of rows. */
  readonly dim: string;
  /** How much the floats of a part of a quantized last product may take. */
  readonly headBytes: number;
  /** Whether the last product rounds its input, if its weights are integers. */
  readonly roundProducts: boolean;
}

/**
 * The body of a Scan over chunks: the last product, the loss of each row, and with gradients that of the product's input.
 *
 * Inputs: f32 [rows, hidden], i64 [rows]. Outputs: f32 [rows], and with gradients f32 [rows, hidden].
 *
 * It is built as a model of its own, which is differentiated as any other, and then moved.
 */
export function lossBody(
  model: Model,
  head: FrozenHead,
  { gradients, dim, headBytes, roundProducts: isRounded }: LossBodyOptions,
): Graph {
  const own = createModel();
  for (const [domain, version] of model.opsets) own.opsets.set(domain, version);
  const copies = new Map<Value, Value>();
  const origins = new Map<Value, Value>();
  const { graph } = own;
  const hidden = graph.addInput('loss_chunk.hidden', 'float32', [dim, head.hidden.shape?.[1] ?? 'hidden']);
  const labels = graph.addInput('loss_chunk.labels', 'int64', [dim]);
  copies.set(head.hidden, hidden);
  for (const value of head.outer) {
    const { name, dtype, shape, constant } = value;
    const copy = constant ? graph.addInitializer(name, constant) : graph.addInput(name, dtype, shape);
    copies.set(value, copy);
    origins.set(copy, value);
  }
  for (const node of head.nodes) copyNode(graph, node, copies, { keepShapes: false });
  inferShapes(own);
  const computed = copies.get(head.scores);
  if (computed === undefined) throw new TypeError('the head computes its scores');
  graph.addOutput(computed);
  splitProducts(own, { bytes: headBytes });
  const [scores] = graph.outputs;
  if (scores === undefined) throw new TypeError('the scores are an output');
  graph.removeOutput(scores);
  const tape = new Tape(own, { scope: 'loss' });
  // WHY two outputs: the backward pass reads the second, the log-probabilities.
  const [losses] = tape.ops('SoftmaxCrossEntropyLoss', [scores, labels], {
    outputs: 2,
    attributes: { reduction: 'none' },
  });
  if (losses === undefined) throw new TypeError('SoftmaxCrossEntropyLoss has two outputs');
  const outputs = [losses];
  if (gradients) {
    const loss = tape.op('ReduceSum', [losses], { attributes: { keepdims: 0 } });
    const gradient = differentiate(own, { loss, parameters: [hidden] }).get(hidden);
    if (gradient === undefined) throw new TypeError('differentiate gave no gradient of the input');
    outputs.push(gradient);
  }
  for (const output of outputs) graph.addOutput(output);
  runPasses(own, [dequantizeAgain, isRounded ? roundProducts : transposeBytes, ...gradientPasses]);
  takeTermsInTurn(own);
  runPasses(own, [removeDeadCode]);
  return moved(own, model, { origins, rows: [hidden, labels] });
}

interface Moving {
  /** Values of the model from which those of the body's model were copied. */
  readonly origins: ReadonlyMap<Value, Value>;
  readonly rows: readonly Value[];
}

/** Builds the graph again as a subgraph, whose constants are those of the graph around it. */
function moved({ graph }: Model, { graph: parent }: Model, { origins, rows }: Moving): Graph {
  const body = new Graph(parent.uniqueName('loss_chunk'), parent);
  const copies = new Map(origins);
  for (const row of rows) copies.set(row, body.addInput(body.uniqueName(row.name), row.dtype, row.shape));
  for (const value of graph.initializers.values()) {
    if (copies.has(value) || value.constant === undefined) continue;
    copies.set(value, parent.addInitializer(parent.uniqueName(value.name), value.constant));
  }
  sortNodes(graph);
  for (const node of graph.nodes) copyNode(body, node, copies, { keepShapes: true });
  for (const output of graph.outputs) {
    const copy = copies.get(output);
    if (copy !== undefined) body.addOutput(copy);
  }
  return body;
}

function copyNode(
  graph: Graph,
  node: Node,
  copies: Map<Value, Value>,
  { keepShapes }: { readonly keepShapes: boolean },
): void {
  const copy = graph.addNode({
    opType: node.opType,
    domain: node.domain,
    overload: node.overload,
    name: graph.uniqueName(node.label),
    inputs: node.inputs.map((input) => input && copies.get(input)),
    attributes: node.attributes,
    metadata: node.metadata,
    outputs: node.outputs.map(
      (output) =>
        output && {
          name: graph.uniqueName(output.name),
          dtype: output.dtype,
          ...(keepShapes && { shape: output.shape }),
        },
    ),
  });
  for (const [index, output] of node.outputs.entries()) {
    const copied = copy.outputs[index];
    if (output && copied) copies.set(output, copied);
  }
}
