import type { Model, Value } from '../../ir/index.ts';
import type { BaseGraphs, GraphOptions } from '../base-model.ts';
import { cachedAttention } from './attention-cached.ts';
import { denseAttention } from './attention-dense.ts';
import { logits, logitsOfRows } from './head.ts';
import { LlamaBuilder, type LlamaSource } from './llama-builder.ts';
import { decoderStack } from './stack.ts';

/** The graphs of a Llama, as `BaseGraphs` promises them. */
export function llamaGraphs(base: LlamaSource): BaseGraphs {
  return {
    scoring: (options) => buildScoringGraph(base, options),
    training: (options) => buildTrainingGraph(base, options),
    trunk: (options) => buildTrunkGraph(base, options),
    head: (options) => buildHeadGraph(base, options),
    decode: (options) => buildDecodeGraph(base, options),
  };
}

function buildScoringGraph(base: LlamaSource, options: GraphOptions): Model {
  const { builder, hidden } = denseStack(base, { ...options, graphName: 'score' });
  const rows = builder.graph.addInput('rows', 'int64', ['rows']);
  return finish(builder, logitsOfRows(builder, hidden, rows), 'logits');
}

function buildTrainingGraph(base: LlamaSource, options: GraphOptions): Model {
  const { builder, hidden } = denseStack(base, { ...options, graphName: 'train' });
  const rows = builder.graph.addInput('target_rows', 'int64', ['targets']);
  const ids = builder.graph.addInput('target_ids', 'int64', ['targets']);
  const tape = builder.tape('loss');
  // WHY two outputs: the backward pass reads the second, the log-probabilities.
  const [loss] = tape.ops('SoftmaxCrossEntropyLoss', [logitsOfRows(builder, hidden, rows), ids], {
    outputs: 2,
    attributes: { reduction: 'sum' },
  });
  if (loss === undefined) throw new TypeError('SoftmaxCrossEntropyLoss has two outputs');
  return finish(builder, loss, 'loss_sum');
}

function buildTrunkGraph(base: LlamaSource, options: GraphOptions): Model {
  const { builder, hidden } = denseStack(base, { ...options, graphName: 'trunk' });
  return finish(builder, hidden, 'hidden');
}

function buildHeadGraph(base: LlamaSource, { full = false }: Pick<GraphOptions, 'full'>): Model {
  const builder = new LlamaBuilder(base, { graphName: 'head', weights: full ? 'inputs' : 'files' });
  const hidden = builder.graph.addInput('hidden', 'float32', ['rows', base.config.hiddenSize]);
  const ids = builder.graph.addInput('target_ids', 'int64', ['rows']);
  const losses = builder.tape('loss').op('SoftmaxCrossEntropyLoss', [logits(builder, hidden), ids], {
    attributes: { reduction: 'none' },
  });
  return finish(builder, losses, 'token_losses');
}

function buildDecodeGraph(base: LlamaSource, { maxLength }: { readonly maxLength: number }): Model {
  const builder = new LlamaBuilder(base, { graphName: 'decode' });
  const { graph } = builder;
  const inputIds = graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  const seqlens = graph.addInput('seqlens_k', 'int32', ['batch']);
  const totalLength = graph.addInput('total_length', 'int32', []);
  const attention = cachedAttention(builder, { inputIds, seqlens, totalLength, maxLength });
  const hidden = decoderStack(builder, inputIds, attention);
  const rows = graph.addInput('logit_rows', 'int64', ['rows']);
  return finish(builder, logitsOfRows(builder, hidden, rows), 'logits');
}

interface DenseStack {
  readonly builder: LlamaBuilder;
  readonly hidden: Value;
}

function denseStack(base: LlamaSource, options: GraphOptions & { readonly graphName: string }): DenseStack {
  const { graphName, full = false, maxLength = base.config.maxPositions } = options;
  const builder = new LlamaBuilder(base, { graphName, weights: full ? 'inputs' : 'files' });
  const inputIds = builder.graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  const hidden = decoderStack(builder, inputIds, denseAttention(builder, inputIds, maxLength));
  return { builder, hidden };
}

/** Names the graph's main output. */
function finish({ graph, model }: LlamaBuilder, output: Value, name: string): Model {
  graph.rename(output, name);
  graph.addOutput(output);
  return model;
}
