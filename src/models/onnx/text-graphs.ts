import { EspalierError, option, optionText } from '../../core/index.ts';
import { removeDeadCode, Tape, type Model, type Value } from '../../ir/index.ts';
import type { BaseGraphs, GraphOptions } from '../base-model.ts';
import { asFloat32, findHead, flatHidden, readRows, type LogitsHead } from './logits-head.ts';
import type { OnnxSource } from './graph-copy.ts';
import { copyText, type TextSource } from './text-copy.ts';

/** The graphs of a causal language model in a foreign file, as `BaseGraphs` promises them. */
export function onnxTextGraphs(source: TextSource): Omit<BaseGraphs, 'decode'> {
  return {
    scoring: (options) => buildScoring(source, options),
    training: (options) => buildTraining(source, options),
    trunk: (options) => buildTrunk(source, options),
    head: (options) => buildHead(source, options),
  };
}

/** A copy of the file's graph, and where its logits come from. */
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
 * WHY no `accuracy_level`: it lets products round what goes into them to 8 bits, and a gradient of that is one of another function.
 * What is trained is the network of the dequantized weights in f32; the file's own rounding comes back when it is served.
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

/** Where the head is not found, the trunk gives logits, and only the loss is left. */
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

/** f32 [rows, vocab] of these flat positions; the rows are taken before the head where it is found. */
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

/** Gives the graph its one output, and takes away what it does not need. */
export function finish(model: Model, output: Value, name: string): Model {
  const { graph } = model;
  const taken = graph.value(name);
  if (taken && taken !== output) graph.rename(taken, graph.uniqueName(`${name}.file`));
  graph.rename(output, name);
  graph.addOutput(output);
  removeDeadCode.run(model);
  for (const input of graph.inputs.filter(({ isUsed }) => !isUsed)) graph.removeInput(input);
  return model;
}
