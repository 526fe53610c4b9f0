import type { Model } from '../ir/index.ts';
import type { BaseModel, GraphOptions } from './base-model.ts';

/**
 * The graph that gives logits of chosen positions of whole rows.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `rows` i64 [rows], flat indices into batch·seq.
 * Output: `logits` f32 [rows, vocab].
 */
export function buildScoringGraph(base: BaseModel, options: GraphOptions = {}): Model {
  return base.graphs.scoring(options);
}

/**
 * The graph that gives the loss of chosen positions, summed; gradients are added to it by `differentiate`.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `target_rows` i64 [targets], flat indices of the positions that
 * predict; `target_ids` i64 [targets], the tokens that they should predict. Output: `loss_sum` f32 [], in nats.
 */
export function buildTrainingGraph(base: BaseModel, options: GraphOptions = {}): Model {
  return base.graphs.training(options);
}

/**
 * The first part of scoring by parts: the hidden states of whole rows, before the last norm.
 *
 * Input: `input_ids` i64 [batch, seq]. Output: `hidden` f32 [batch·seq, hidden].
 */
export function buildTrunkGraph(base: BaseModel, options: GraphOptions = {}): Model {
  return base.graphs.trunk(options);
}

/**
 * The second part of scoring by parts: how surprising each token is, of as many positions at a time as memory allows.
 *
 * Inputs: `hidden` f32 [rows, hidden], from the trunk; `target_ids` i64 [rows].
 * Output: `token_losses` f32 [rows], −log p(target) in nats.
 */
export function buildHeadGraph(base: BaseModel, options: Pick<GraphOptions, 'full'> = {}): Model {
  return base.graphs.head(options);
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
export function buildDecodeGraph(base: BaseModel, options: { readonly maxLength: number }): Model {
  return base.graphs.decode(options);
}
