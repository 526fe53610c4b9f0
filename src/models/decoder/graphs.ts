import type { Steps } from '../../core/index.ts';
import type { Model, Value } from '../../ir/index.ts';
import type { BaseGraphs, GraphOptions, TrainingGraphOptions } from '../base-model.ts';
import { cachedAttention } from './attention-cached.ts';
import { denseAttention } from './attention-dense.ts';
import type { WeightRef } from '../weight-ref.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { logits } from './head.ts';
import { packedRows, paddedRows } from '../graph/row-layout.ts';
import { decoderStack, decoderStackSteps } from './stack.ts';

/** The inputs of the graph builders of a decoder. */
export interface DecoderSource {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, WeightRef>;
}

/** The graphs of a decoder that `BaseGraphs` declares. */
export function decoderGraphs(base: DecoderSource): BaseGraphs {
  return {
    scoring: (options) => buildScoringGraph(base, options),
    training: (options) => buildTrainingGraph(base, options),
    trunk: (options) => buildTrunkGraph(base, options),
    head: (options) => buildHeadGraph(base, options),
    decode: (options) => buildDecodeGraph(base, options),
  };
}

function buildScoringGraph(base: DecoderSource, options: GraphOptions): Model {
  const { builder, config, hiddenOf } = denseStack(base, { ...options, graphName: 'score' });
  const rows = builder.graph.addInput('rows', 'int64', ['rows']);
  return finish(builder, logits(builder, hiddenOf(rows), config), 'logits');
}

function buildTrainingGraph(base: DecoderSource, options: TrainingGraphOptions): Model {
  const { builder, config, hiddenOf } = denseStack(base, { ...options, graphName: 'train', exact: true });
  const rows = builder.graph.addInput('target_rows', 'int64', ['targets']);
  const ids = builder.graph.addInput('target_ids', 'int64', ['targets']);
  const scores = logits(builder, hiddenOf(rows), config);
  // WHY two outputs: the backward pass reads the second, the log-probabilities.
  const [loss] = builder.tape('loss').ops('SoftmaxCrossEntropyLoss', [scores, ids], {
    outputs: 2,
    attributes: { reduction: 'sum' },
  });
  if (loss === undefined) throw new TypeError('SoftmaxCrossEntropyLoss has two outputs');
  return finish(builder, loss, 'loss_sum');
}

function buildTrunkGraph(base: DecoderSource, options: GraphOptions): Model {
  const { builder, hiddenOf } = denseStack(base, { ...options, graphName: 'trunk' });
  return finish(builder, hiddenOf(), 'hidden');
}

function buildHeadGraph({ config, weights }: DecoderSource, { full = false }: Pick<GraphOptions, 'full'>): Model {
  const builder = new GraphBuilder({ graphName: 'head', weights, source: full ? 'inputs' : 'files' });
  const hidden = builder.graph.addInput('hidden', 'float32', ['rows', config.hiddenSize]);
  const ids = builder.graph.addInput('target_ids', 'int64', ['rows']);
  const losses = builder.tape('loss').op('SoftmaxCrossEntropyLoss', [logits(builder, hidden, config), ids], {
    attributes: { reduction: 'none' },
  });
  return finish(builder, losses, 'token_losses');
}

function* buildDecodeGraph(base: DecoderSource, { maxLength }: { readonly maxLength: number }): Steps<Model> {
  const { config, weights } = base;
  const builder = new GraphBuilder({ graphName: 'decode', weights });
  const { graph } = builder;
  const inputIds = graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  const seqlens = graph.addInput('seqlens_k', 'int32', ['batch']);
  const totalLength = graph.addInput('total_length', 'int32', []);
  const attention = cachedAttention(builder, { config, inputIds, seqlens, totalLength, maxLength });
  const rows = graph.addInput('logit_rows', 'int64', ['rows']);
  const hidden = yield* decoderStackSteps({ builder, config, attention }, { inputIds, rows });
  yield;
  return finish(builder, logits(builder, hidden, config), 'logits');
}

interface DenseStack {
  readonly builder: GraphBuilder;
  readonly config: DecoderConfig;
  /** The hidden states before the last norm: f32 [tokens, hidden], or [rows, hidden] for selected tokens. */
  hiddenOf(rows?: Value): Value;
}

function denseStack(
  { config, weights }: DecoderSource,
  options: TrainingGraphOptions & { readonly graphName: string; readonly exact?: boolean },
): DenseStack {
  const { graphName, full = false, maxLength = config.maxPositions, exact = false, packed = false } = options;
  const builder = new GraphBuilder({ graphName, weights, source: full ? 'inputs' : 'files', exact });
  const layout = packed ? packedRows(builder) : paddedRows(builder);
  const attention = denseAttention(builder, { config, rows: layout, maxLength });
  const hiddenOf = (rows?: Value): Value =>
    decoderStack({ builder, config, attention }, { inputIds: layout.inputIds, ...(rows && { rows }) });
  return { builder, config, hiddenOf };
}

/** Gives the main output of the graph its name. */
function finish({ graph, model }: GraphBuilder, output: Value, name: string): Model {
  graph.rename(output, name);
  graph.addOutput(output);
  return model;
}
