import { Tape, type Graph, type Model, type Node, type Value } from '../ir/index.ts';
import { chunkedLossKey, lossChunkDims } from './chunked-loss.ts';
import { findFrozenHead } from './frozen-head.ts';
import { lossBody } from './loss-body.ts';

export interface ChunkLossOptions {
  /** The most targets whose scores are in memory at once. */
  readonly rows: number;
  /** Whether the loss will be differentiated. */
  readonly gradients: boolean;
  /** How much the floats of a part of a quantized last product may take, in bytes. Default: 8 MiB. */
  readonly headBytes?: number | undefined;
  /** Whether the last product rounds its input as `roundProducts` does. Default: false. */
  readonly roundProducts?: boolean | undefined;
}

/** WHY no more: a piece as large as what a layer computes finds room where one of a layer was. */
const defaultHeadBytes = 8 * 2 ** 20;

/**
 * Lets a graph compute the scores of its last product, their cross entropy and the gradient of its input for some targets at a time, so
 * that the scores of all targets, which are as many numbers as targets times classes, are never in memory together. The gradient is
 * computed in the forward pass, while the scores are there: only [targets, hidden] is kept of it.
 *
 * The floats of a last product in 4 or 8 bits are made for some classes at a time too (`splitProducts`).
 *
 * The targets are divided into as few chunks of equal size as `rows` allows. What the last chunk lacks are rows of zeros, whose losses
 * are left out.
 *
 * Run it before `differentiate`. A graph stays as it is if it has no such loss, or if the last product has something that is trained.
 *
 * @returns whether the graph was changed
 */
export function chunkLoss(model: Model, options: ChunkLossOptions): boolean {
  const { rows, gradients, headBytes = defaultHeadBytes, roundProducts = false } = options;
  const { graph } = model;
  const losses = graph.nodes.filter(({ opType, domain }) => opType === 'SoftmaxCrossEntropyLoss' && domain === '');
  const [loss] = losses;
  const [scores, labels] = loss?.inputs ?? [];
  if (loss === undefined || losses.length > 1 || !isPlain(loss) || scores === undefined || labels === undefined)
    return false;
  const head = findFrozenHead(model, scores);
  const [before] = loss.outputs;
  if (head === undefined || before === undefined || scores.uses.size > 1) return false;
  const body = lossBody(model, head, { gradients, dim: lossChunkDims(rows).chunk, headBytes, roundProducts });
  const tape = new Tape(model, { scope: 'loss_chunks', insertBefore: loss });
  const each = inChunks(tape, { rows, hidden: head.hidden, labels }, body);
  const isSum = loss.stringAttribute('reduction', 'mean') === 'sum';
  const after = isSum ? tape.op('ReduceSum', [each], { attributes: { keepdims: 0 } }) : each;
  graph.replaceAllUses(before, after);
  graph.removeNodes([loss, ...head.nodes]);
  return true;
}

/** Whether the rows of a cross entropy do not depend on each other, and it is read for nothing but its loss. */
function isPlain(node: Node): boolean {
  const [scores, labels, weights] = node.inputs;
  const [, logProb] = node.outputs;
  const reduction = node.stringAttribute('reduction', 'mean');
  const isFlat = scores?.shape?.length === 2 && labels?.shape?.length === 1;
  const isRead = logProb?.isUsed === true;
  return isFlat && !isRead && weights === undefined && !node.attributes.has('ignore_index') && reduction !== 'mean';
}

interface Rows {
  readonly rows: number;
  /** f32 [targets, hidden] */
  readonly hidden: Value;
  /** i64 [targets] */
  readonly labels: Value;
}

/** @returns f32 [targets], the loss of each target */
function inChunks(tape: Tape, { rows, hidden, labels }: Rows, body: Graph): Value {
  const width = Number(hidden.shape?.[1]);
  const { chunks: chunkDim, chunk: rowDim, places } = lossChunkDims(rows);
  const op = (opType: string, inputs: Value[]): Value => tape.op(opType, inputs);
  const [zero, one] = [tape.int64s([0]), tape.int64s([1])];
  const count = op('Shape', [labels]);
  const chunks = op('Max', [one, op('Div', [op('Add', [count, tape.int64s([rows - 1])]), tape.int64s([rows])])]);
  const size = op('Div', [op('Sub', [op('Add', [count, chunks]), one]), chunks]);
  const missing = op('Sub', [op('Mul', [chunks, size]), count]);
  const joined = (parts: Value[]): Value => tape.op('Concat', parts, { attributes: { axis: 0 } });
  const filled = tape.op('Pad', [hidden, joined([zero, zero, missing, zero])], { shape: [places, width] });
  const parts = tape.op('Reshape', [filled, joined([chunks, size, tape.int64s([width])])], {
    shape: [chunkDim, rowDim, width],
  });
  const padded = tape.op('Pad', [labels, joined([zero, missing])], { shape: [places] });
  const ids = tape.op('Reshape', [padded, joined([chunks, size])], {
    shape: [chunkDim, rowDim],
  });
  const [losses, gradient] = tape.ops('Scan', [parts, ids], {
    outputs: body.outputs.length,
    attributes: { body, num_scan_inputs: 2 },
    metadata: { [chunkedLossKey]: String(rows) },
    dtype: 'float32',
    shape: [chunkDim, rowDim],
  });
  if (losses === undefined) throw new TypeError('the body has an output');
  if (gradient !== undefined) {
    gradient.dtype = hidden.dtype;
    gradient.shape = parts.shape;
  }
  const flat = tape.op('Reshape', [losses, tape.int64s([-1])], { shape: [places] });
  const back = joined([zero, op('Neg', [missing])]);
  return tape.op('Pad', [flat, back], { dtype: 'float32', ...(labels.shape && { shape: labels.shape }) });
}
