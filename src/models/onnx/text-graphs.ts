import { EspalierError, option, optionText } from '../../core/index.ts';
import { removeDeadCode, runPasses, Tape, type Model, type Value } from '../../ir/index.ts';
import type { BaseGraphs, GraphOptions } from '../base-model.ts';
import { asFloat32, findHead, flatHidden, readRows, type LogitsHead } from './logits-head.ts';
import type { OnnxSource } from './graph-copy.ts';
import { copyText, type TextSource } from './text-copy.ts';

/** The graphs of a causal language model in an ONNX file, as `BaseGraphs` declares them. */
export function onnxTextGraphs(source: TextSource): Omit<BaseGraphs, 'decode'> {
  return {
    scoring: (options) => buildScoring(source, options),
    training: (options) => buildTraining(source, options),
    trunk: (options) => buildTrunk(source, options),
    head: (options) => buildHead(source, options),
  };
}

/** A copy of the graph of the file, with the node that computes its logits. */
interface Decoder {
  readonly model: Model;
  readonly logits: Value;
  readonly head: LogitsHead | undefined;
}

function openDecoder(source: TextSource, graphName: string, { full = false }: GraphOptions): Decoder {
  refuseFull(source, full);
  const { model, logits } = copyText(source, { graphName });
  if (logits === undefined) throw noLogits(source.path);
  return { model, logits, head: findHead(model, logits) };
}

/** @throws EspalierError ONNX_NO_GRAPH */
export function refuseFull({ path }: OnnxSource, full: boolean): void {
  if (!full) return;
  const what = optionText('graph whose weights can all be trained (', option('full'), ')');
  const reason = 'train an adapter on it, or take the checkpoint that it was exported from';
  throw new EspalierError('ONNX_NO_GRAPH', { path, what, reason });
}

function noLogits(path: string): EspalierError {
  const reason = 'none of its outputs is called logits';
  return new EspalierError('ONNX_NO_GRAPH', { path, what: 'logits', reason });
}

function buildScoring(source: TextSource, options: GraphOptions): Model {
  const decoder = openDecoder(source, 'score', options);
  const rows = decoder.model.graph.addInput('rows', 'int64', ['rows']);
  return finish(decoder.model, logitsOfRows(decoder, rows), 'logits');
}

/**
 * WHY no `accuracy_level`: it allows products to round their inputs to 8 bits, and the gradient would then belong to another function.
 * Training uses the network of the dequantized weights in f32. Serving uses the rounding of the file again.
 */
function buildTraining(source: TextSource, options: GraphOptions): Model {
  const decoder = openDecoder(source, 'train', options);
  const { graph } = decoder.model;
  for (const node of graph.nodes) if (node.opType === 'MatMulNBits') node.deleteAttribute('accuracy_level');
  const rows = graph.addInput('target_rows', 'int64', ['targets']);
  const ids = graph.addInput('target_ids', 'int64', ['targets']);
  const logits = logitsOfRows(decoder, rows);
  const tape = new Tape(decoder.model, { scope: 'espalier/loss' });
  // WHY two outputs: the backward pass reads the second, the log-probabilities.
  const [loss] = tape.ops('SoftmaxCrossEntropyLoss', [logits, ids], { outputs: 2, attributes: { reduction: 'sum' } });
  if (loss === undefined) throw new TypeError('SoftmaxCrossEntropyLoss has two outputs');
  return finish(decoder.model, loss, 'loss_sum');
}

function buildTrunk(source: TextSource, options: GraphOptions): Model {
  const { model, logits, head } = openDecoder(source, 'trunk', options);
  return finish(model, head ? flatHidden(model, head) : flatLogits(model, logits), 'hidden');
}

/** When the head is not found, the trunk computes the logits, and only the loss remains for this graph. */
function buildHead(source: TextSource, options: GraphOptions): Model {
  const { model, logits, head } = openDecoder(source, 'head', options);
  const { graph } = model;
  const width = head ? head.hiddenSize : (logits.shape?.at(-1) ?? 'vocab');
  const hidden = graph.addInput('hidden', 'float32', ['rows', width]);
  const ids = graph.addInput('target_ids', 'int64', ['rows']);
  const scores = head ? readRows(model, head, hidden, logits) : hidden;
  const tape = new Tape(model, { scope: 'espalier/loss' });
  const losses = tape.op('SoftmaxCrossEntropyLoss', [scores, ids], { attributes: { reduction: 'none' } });
  return finish(model, losses, 'token_losses');
}

/** Computes f32 [rows, vocab] for these flat positions. If the head is found, the rows are selected before it. */
export function logitsOfRows({ model, logits, head }: Decoder, rows: Value): Value {
  if (head === undefined) return new Tape(model, { scope: 'espalier' }).op('Gather', [flatLogits(model, logits), rows]);
  const flat = flatHidden(model, head);
  const tape = new Tape(model, { scope: 'espalier/rows', insertBefore: head.product });
  return readRows(model, head, tape.op('Gather', [flat, rows]), logits);
}

/** [batch, seq, vocab] → f32 [batch·seq, vocab] */
function flatLogits(model: Model, logits: Value): Value {
  const tape = new Tape(model, { scope: 'espalier/logits' });
  const width = logits.shape?.at(-1);
  return asFloat32(tape, tape.op('Reshape', [logits, tape.int64s([-1, typeof width === 'number' ? width : -1])]));
}

/** Gives the graph its only output and removes the nodes that the output does not need. */
export function finish(model: Model, output: Value, name: string): Model {
  const { graph } = model;
  const taken = graph.value(name);
  if (taken && taken !== output) graph.rename(taken, graph.uniqueName(`${name}.file`));
  graph.rename(output, name);
  graph.addOutput(output);
  runPasses(model, [removeDeadCode]);
  for (const input of graph.inputs.filter(({ isUsed }) => !isUsed)) graph.removeInput(input);
  return model;
}
