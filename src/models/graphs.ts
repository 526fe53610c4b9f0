import { EspalierError } from '../core/index.ts';
import type { Model } from '../ir/index.ts';
import type { BaseGraphs, BaseModel, EncoderGraphOptions, GraphOptions, TrainingGraphOptions } from './base-model.ts';
import { addClassificationLoss, addRegressionLoss } from './graph/losses.ts';

/**
 * The graph that gives logits of chosen positions of whole rows.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `rows` i64 [rows], flat indices into batch·seq.
 * Output: `logits` f32 [rows, vocab].
 */
export function buildScoringGraph(base: BaseModel, options: GraphOptions = {}): Model {
  return graphOf(base, 'scoring')(options);
}

/**
 * The graph that gives the loss of chosen positions, summed; gradients are added to it by `differentiate`.
 *
 * Inputs: `input_ids` i64 [batch, seq], padded on the right; `target_rows` i64 [targets], flat indices of the positions that
 * predict; `target_ids` i64 [targets], the tokens that they should predict. Output: `loss_sum` f32 [], in nats.
 *
 * Packed, rows lie end to end without padding: `input_ids` i64 [tokens]; `rectangle` i64 [2], how many rows there are and how long the
 * longest is; `token_places` i64 [tokens], row · longest + position of each token; `target_rows` are indices into the tokens.
 */
export function buildTrainingGraph(base: BaseModel, options: TrainingGraphOptions = {}): Model {
  if (options.packed === true && base.packsRows !== true) throw new TypeError(`${base.dir} takes padded rows only`);
  return graphOf(base, 'training')(options);
}

/**
 * The first part of scoring by parts: the hidden states of whole rows, before the last norm.
 *
 * Input: `input_ids` i64 [batch, seq]. Output: `hidden` f32 [batch·seq, hidden].
 */
export function buildTrunkGraph(base: BaseModel, options: GraphOptions = {}): Model {
  return graphOf(base, 'trunk')(options);
}

/**
 * The second part of scoring by parts: how surprising each token is, of as many positions at a time as memory allows.
 *
 * Inputs: `hidden` f32 [rows, hidden], from the trunk; `target_ids` i64 [rows].
 * Output: `token_losses` f32 [rows], −log p(target) in nats.
 */
export function buildHeadGraph(base: BaseModel, options: Pick<GraphOptions, 'full'> = {}): Model {
  return graphOf(base, 'head')(options);
}

/**
 * The graph that continues rows, with keys and values kept in place between runs.
 *
 * Inputs: `input_ids` i64 [batch, seq], the new tokens; `seqlens_k` i32 [batch], each row's length with them, less one;
 * `total_length` i32 [], the longest row's length; `position_ids` i64 [batch, seq], only where the heads are turned before the attention;
 * `rotary_lengths` i64 [batch], only where positions turn heads differently in longer rows: the length of each row, of a prompt in
 * chunks that of the whole;
 * `logit_rows` i64 [rows], flat indices into batch·seq; `past_key_values.N.key` and `.value` f32 [batch, kvHeads, maxLength, headDim].
 * Outputs: `logits` f32 [rows, vocab]; `present.N.key` and `.value`, to be bound to the memory of the past.
 *
 * Several rows take one new token each, at any lengths; a prompt, or the next chunk of one, is given with batch = 1. A base with
 * `decodeOnTrial` promises this of one token of one row only.
 */
export function buildDecodeGraph(base: BaseModel, options: { readonly maxLength: number }): Model {
  return graphOf(base, 'decode')(options);
}

/**
 * The graph that gives a number for each class.
 *
 * Inputs: `input_ids` i64 [batch, seq] and `attention_mask` i64 [batch, seq], 1 where a token counts and 0 where a row is padded, on
 * either side (of a decoder on the right); of a base that names its own `inputs`, those. Output: `logits` f32 [batch, labels], or whatever shape behind the batch
 * such a base gives.
 */
export function buildClassificationGraph(base: BaseModel, options: EncoderGraphOptions = {}): Model {
  return graphOf(base, 'classification')(options);
}

/**
 * The classification graph with its loss, summed over the rows; gradients are added to it by `differentiate`.
 *
 * - `classes`: inputs as above and `labels` i64 [batch]. Output: `loss_sum` f32 [], Σ −log softmax(logits)[label], in nats; and
 *   `correct` i64 [], how many rows have their largest logit at their label.
 * - `numbers`: inputs as above and `targets` f32 [batch, ...], shaped as the logits. Output: `loss_sum` f32 [], Σ over rows of the mean
 *   squared error of a row.
 */
export function buildClassificationTrainingGraph(
  base: BaseModel,
  { targets, ...options }: EncoderGraphOptions & { readonly targets: 'classes' | 'numbers' },
): Model {
  const model = buildClassificationGraph(base, { ...options, exact: true });
  if (targets === 'classes') addClassificationLoss(model);
  else addRegressionLoss(model);
  return model;
}

/**
 * The graph that turns each row into one vector.
 *
 * Inputs as of the classification graph. Output: `embeddings` f32 [batch, hidden]: the hidden states of the positions that count,
 * pooled as the checkpoint says (their mean, where it says nothing), and of length 1 where it says so.
 */
export function buildEmbeddingGraph(base: BaseModel, options: EncoderGraphOptions = {}): Model {
  return graphOf(base, 'embedding')(options);
}

/** What a graph is wanted for, and which commands there are instead. */
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

/** @throws EspalierError MODEL_TASK_UNSUPPORTED where the base cannot do what the graph is for */
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
