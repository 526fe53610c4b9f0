import type { Model, Value } from '../ir/index.ts';
import type { BaseModel } from './base-model.ts';
import { cachedAttention } from './llama/attention-cached.ts';
import { denseAttention } from './llama/attention-dense.ts';
import { logits, logitsOfRows } from './llama/head.ts';
import { LlamaBuilder } from './llama/llama-builder.ts';
import { decoderStack } from './llama/stack.ts';

export interface GraphOptions {
  /** The longest row, in tokens; the model's own limit by default. Positions beyond it are not in the rotary tables. */
  readonly maxLength?: number;
  /** Makes every weight an input (f32, under its name in the checkpoint) instead of a part of the checkpoint's files. */
  readonly full?: boolean;
}

/**
 * The graph that gives logits of chosen positions of whole rows.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `rows` i64 [rows], flat indices into batch·seq.
 * Output: `logits` f32 [rows, vocab].
 */
export function buildScoringGraph(base: BaseModel, options: GraphOptions = {}): Model {
  const { builder, hidden } = denseStack(base, { ...options, graphName: 'score' });
  const rows = builder.graph.addInput('rows', 'int64', ['rows']);
  return finish(builder, logitsOfRows(builder, hidden, rows), 'logits');
}

/**
 * The graph that gives the loss of chosen positions, summed; gradients are added to it by `differentiate`.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `target_rows` i64 [targets], flat indices of the positions that
 * predict; `target_ids` i64 [targets], the tokens that they should predict. Output: `loss_sum` f32 [], in nats.
 */
export function buildTrainingGraph(base: BaseModel, options: GraphOptions = {}): Model {
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

/**
 * The first part of scoring by parts: the hidden states of whole rows, before the last norm.
 *
 * Input: `input_ids` i64 [batch, seq]. Output: `hidden` f32 [batch·seq, hidden].
 */
export function buildTrunkGraph(base: BaseModel, options: GraphOptions = {}): Model {
  const { builder, hidden } = denseStack(base, { ...options, graphName: 'trunk' });
  return finish(builder, hidden, 'hidden');
}

/**
 * The second part of scoring by parts: how surprising each token is, of as many positions at a time as memory allows.
 *
 * Inputs: `hidden` f32 [rows, hidden], from the trunk; `target_ids` i64 [rows].
 * Output: `token_losses` f32 [rows], −log p(target) in nats.
 */
export function buildHeadGraph(base: BaseModel, { full = false }: Pick<GraphOptions, 'full'> = {}): Model {
  const builder = new LlamaBuilder(base, { graphName: 'head', weights: full ? 'inputs' : 'files' });
  const hidden = builder.graph.addInput('hidden', 'float32', ['rows', base.config.hiddenSize]);
  const ids = builder.graph.addInput('target_ids', 'int64', ['rows']);
  const losses = builder.tape('loss').op('SoftmaxCrossEntropyLoss', [logits(builder, hidden), ids], {
    attributes: { reduction: 'none' },
  });
  return finish(builder, losses, 'token_losses');
}

/**
 * The graph that continues rows, with keys and values kept in place between runs.
 *
 * Inputs: `input_ids` i64 [batch, seq], the new tokens; `seqlens_k` i32 [batch], each row's length with them, less one;
 * `total_length` i32 [], the longest row's length; `position_ids` i64 [batch, seq], only where the head size is no multiple of 16;
 * `logit_rows` i64 [rows], flat indices into batch·seq; `past_key_values.N.key` and `.value` f32 [batch, kvHeads, maxLength, headDim].
 * Outputs: `logits` f32 [rows, vocab]; `present.N.key` and `.value`, to be bound to the memory of the past.
 *
 * Several rows take one new token each, at any lengths; a prompt, or the next chunk of one, is given with batch = 1.
 */
export function buildDecodeGraph(base: BaseModel, { maxLength }: { readonly maxLength: number }): Model {
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

function denseStack(base: BaseModel, options: GraphOptions & { readonly graphName: string }): DenseStack {
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
