import { EspalierError, finishInSlices, finishNow } from '../core/index.ts';
import type { Model } from '../ir/index.ts';
import type { BaseGraphs, BaseModel, EncoderGraphOptions, GraphOptions, TrainingGraphOptions } from './base-model.ts';
import { addClassificationLoss, addFlagsLoss, addRegressionLoss, addTokenLoss } from './graph/losses.ts';

/**
 * Builds the graph that computes the logits of selected positions of whole rows.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `rows` i64 [rows], flat indices into batch·seq.
 * Output: `logits` f32 [rows, vocab].
 */
export function buildScoringGraph(base: BaseModel, options: GraphOptions = {}): Model {
  return graphOf(base, 'scoring')(options);
}

/**
 * Builds the graph that computes the sum of the losses of selected positions. `differentiate` adds gradients to it.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `target_rows` i64 [targets], flat indices of the positions that
 * predict; `target_ids` i64 [targets], the tokens that they should predict. Output: `loss_sum` f32 [], in nats.
 *
 * With packed rows, rows lie end to end without padding. The inputs are then `input_ids` i64 [tokens]; `rectangle` i64 [2], the number
 * of rows and the length of the longest; `token_places` i64 [tokens], row · longest + position of each token. `target_rows` are indices
 * into the tokens.
 */
export function buildTrainingGraph(base: BaseModel, options: TrainingGraphOptions = {}): Model {
  if (options.packed === true && base.packsRows !== true) throw new TypeError(`${base.dir} takes padded rows only`);
  return graphOf(base, 'training')(options);
}

/**
 * Builds the first part of a scoring graph in two parts. It computes the hidden states of whole rows before the last norm.
 *
 * Input: `input_ids` i64 [batch, seq]. Output: `hidden` f32 [batch·seq, hidden].
 */
export function buildTrunkGraph(base: BaseModel, options: GraphOptions = {}): Model {
  return graphOf(base, 'trunk')(options);
}

/**
 * Builds the second part of a scoring graph in two parts. It computes the loss of each token, for as many positions at a time as
 * memory allows.
 *
 * Inputs: `hidden` f32 [rows, hidden], from the trunk; `target_ids` i64 [rows].
 * Output: `token_losses` f32 [rows], −log p(target) in nats.
 */
export function buildHeadGraph(base: BaseModel, options: Pick<GraphOptions, 'full'> = {}): Model {
  return graphOf(base, 'head')(options);
}

/**
 * Builds the graph that continues rows. It keeps keys and values in place between runs.
 *
 * Inputs:
 * - `input_ids` i64 [batch, seq]: the new tokens
 * - `seqlens_k` i32 [batch]: the length of each row with its new tokens, minus one
 * - `total_length` i32 []: the length of the longest row
 * - `position_ids` i64 [batch, seq]: present only when the rotary embedding is applied before the attention operator
 * - `rotary_lengths` i64 [batch]: the length of each row; for a prompt in chunks, the length of the whole prompt. Present only when the
 *   rotary embedding depends on the length of the row
 * - `logit_rows` i64 [rows]: flat indices into batch·seq
 * - `past_key_values.N.key` and `.value` f32 [batch, kvHeads, maxLength, headDim], N counting the layers that keep them
 * - `past_state.N` f32 [batch, ...] for each of the base's `states`. What it holds before the first token of a row does not matter
 *
 * Outputs: `logits` f32 [rows, vocab]; `present.N.key`, `.value` and `present_state.N`, which the caller binds to the memory of the past.
 *
 * A run takes one new token for each of several rows of any lengths, or with batch = 1 a prompt or the next chunk of one. For a base
 * with `decodeOnTrial`, only one token of one row is guaranteed to work. A run changes states for good: a row whose run failed must begin
 * again.
 */
export function buildDecodeGraph(base: BaseModel, options: { readonly maxLength: number }): Model {
  return finishNow(graphOf(base, 'decode')(options));
}

/** As `buildDecodeGraph`, and lets other tasks run meanwhile. */
export async function buildDecodeGraphInSlices(
  base: BaseModel,
  options: { readonly maxLength: number },
): Promise<Model> {
  return finishInSlices(graphOf(base, 'decode')(options));
}

/**
 * Builds the graph that computes a number for each class.
 *
 * Inputs: `input_ids` i64 [batch, seq] and `attention_mask` i64 [batch, seq], which is 1 for tokens and 0 for padding. An encoder takes
 * padding on either side, a decoder on the right. A base with its own `inputs` takes those instead.
 * Output: `logits` f32 [batch, labels], with `perToken` [batch, seq, labels]. For a base with its own `inputs` the axes after the batch are those of the base.
 */
export function buildClassificationGraph(base: BaseModel, options: EncoderGraphOptions = {}): Model {
  return graphOf(base, 'classification')(options);
}

/**
 * Builds the classification graph with its loss, summed over the rows. `differentiate` adds gradients to it.
 *
 * - `classes`: inputs as above and `labels` i64 [batch]. Output: `loss_sum` f32 [], Σ −log softmax(logits)[label], in nats; and
 *   `correct` i64 [], how many rows have their largest logit at their label.
 * - `numbers`: inputs as above and `targets` f32 [batch, ...], shaped as the logits. Output: `loss_sum` f32 [], Σ over rows of the mean
 *   squared error of a row.
 * - `tokens`, of a base with `perToken`: inputs as above and `labels` i64 [batch, seq], −100 for tokens that do not count. Outputs:
 *   `loss_sum` f32 [], Σ over the tokens that count of −log softmax(logits)[label], and `correct` i64 [] of these tokens.
 * - `flags`: inputs as above and `targets` f32 [batch, labels], 1 for each class that fits and 0 for the others. Output: `loss_sum` f32
 *   [], Σ over rows of the mean over classes of −log p(target), p = sigmoid(logit), in nats.
 */
export function buildClassificationTrainingGraph(
  base: BaseModel,
  { targets, ...options }: EncoderGraphOptions & { readonly targets: 'classes' | 'numbers' | 'flags' | 'tokens' },
): Model {
  const model = buildClassificationGraph(base, { ...options, exact: true });
  if (targets === 'classes') addClassificationLoss(model);
  else if (targets === 'tokens') addTokenLoss(model);
  else if (targets === 'flags') addFlagsLoss(model);
  else addRegressionLoss(model);
  return model;
}

/**
 * Builds the graph that computes one vector for each row.
 *
 * The inputs are those of the classification graph. Output: `embeddings` f32 [batch, hidden]. The hidden states of the tokens are
 * pooled as the checkpoint says, or else by their mean. The vectors have length 1 if the checkpoint says so.
 */
export function buildEmbeddingGraph(base: BaseModel, options: EncoderGraphOptions = {}): Model {
  return graphOf(base, 'embedding')(options);
}

/** The task that needs a graph, and the commands that a base of another kind supports instead. */
const uses: Readonly<Record<keyof BaseGraphs, string>> = {
  scoring: 'score text',
  training: 'learn to continue text',
  trunk: 'score text',
  head: 'score text',
  decode: 'continue text',
  classification: 'classify',
  embedding: 'embed',
};

const commands: Readonly<Partial<Record<keyof BaseGraphs, string>>> = {
  decode: '`generate` or `serve`',
  classification: '`classify`',
  embedding: '`embed`',
};

/** @throws EspalierError MODEL_TASK_UNSUPPORTED when the base does not support the task of the graph */
function graphOf<Kind extends keyof BaseGraphs>(
  { graphs, dir, config }: BaseModel,
  kind: Kind,
): NonNullable<BaseGraphs[Kind]> {
  const graph = graphs[kind];
  if (graph !== undefined) return graph;
  const can = Object.entries(commands).flatMap(([each, command]) => (each in graphs ? command : []));
  throw new EspalierError('MODEL_TASK_UNSUPPORTED', {
    dir,
    family: config.family,
    use: uses[kind],
    instead: can.length === 0 ? 'another base' : can.join(' or '),
  });
}
