import { distinctRowsKey, multiplyDims, type Dim, type Tape, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';
import { limitToGroups, top, type ExpertGroups } from './expert-groups.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { memoized } from './memoized.ts';

/**
 * The part of a mixture that chooses experts. Its weight is `<path>.weight` [experts, hidden], its bias `<path>.bias` [experts]. Both are
 * frozen in the training of adapters.
 */
export interface RouterLayer {
  readonly path: string;
  readonly experts: number;
  readonly hidden: number;
  /** The number of experts that compute a token. */
  readonly perToken: number;
  readonly bias?: boolean;
  /** Whether the weights of the chosen experts are scaled so that their sum is 1. */
  readonly normalizes: boolean;
  /** How scores become weights. Default: the softmax over all experts. */
  readonly scoring?: 'softmax' | 'sigmoid';
  /**
   * Whether `<path>.e_score_correction_bias` is added to the weights for the choice alone. No training changes it. It is [experts], or
   * [1, experts] (`row`).
   */
  readonly corrects?: boolean | 'row';
  /** What keeps weights that are all 0 from being divided by 0: a number that is added to their sum, or the least sum. Default: 1e-20 is added. */
  readonly sumGuard?: { readonly kind: 'added' | 'least'; readonly value: number };
  readonly groups?: ExpertGroups;
  /** A factor of the weights. */
  readonly scale?: number;
}

/** The experts of each token, and the factors of their results. */
export interface Routes {
  /** i64 [tokens, perToken] */
  readonly experts: Value;
  /** f32 [tokens, perToken] */
  readonly weights: Value;
}

/**
 * Chooses the experts of each token:
 *
 *   p = softmax(x·Wᵀ + b) or sigmoid(x·Wᵀ),   the experts with the k largest p + correction in the best groups,
 *   each with the weight scale · p, or scale · p / Σ p of the chosen ones
 *
 * The choice itself has no gradient. The weights of the chosen experts have one.
 *
 * @param x  f32 [tokens, hidden]
 * @see Shazeer et al. 2017, "Outrageously Large Neural Networks", section 2.1; Fedus et al. 2021, "Switch Transformers", section 2.1;
 *   DeepSeek-AI 2024, "DeepSeek-V3", section 2.1.2, for sigmoid, correction and groups
 */
export function route(builder: GraphBuilder, x: Value, router: RouterLayer): Routes {
  const { path, experts: count, bias, scale = 1, corrects, groups, scoring } = router;
  const tape = builder.tape(path);
  const offsets = bias ? [builder.weight(`${path}.bias`)] : [];
  const inputs = [x, builder.weight(`${path}.weight`), ...offsets];
  const scores = tape.op('Gemm', inputs, { attributes: { transB: 1 }, shape: [x.shape?.[0], count] });
  const isPlain = scoring !== 'sigmoid' && !corrects && groups === undefined;
  const { experts, weights } = isPlain ? byScores(tape, scores, router) : byWeights(builder, tape, { scores, router });
  return { experts, weights: scaled(tape, weights, scale) };
}

/**
 * WHY the softmax comes after the choice when the weights are normalized: p / Σ p is the softmax over the chosen scores alone, and the
 * scores that were not chosen need no exponentials.
 */
function byScores(tape: Tape, scores: Value, { perToken, normalizes }: RouterLayer): Routes {
  const softmax = (of: Value): Value => tape.op('Softmax', [of], { attributes: { axis: -1 } });
  const { values, places } = top(tape, normalizes ? scores : softmax(scores), perToken);
  return { experts: places, weights: normalizes ? softmax(values) : values };
}

/** The choice and the weights differ. */
function byWeights(
  builder: GraphBuilder,
  tape: Tape,
  { scores, router }: { readonly scores: Value; readonly router: RouterLayer },
): Routes {
  const { path, experts: count, perToken, normalizes, scoring, corrects, groups } = router;
  const { kind, value } = router.sumGuard ?? { kind: 'added', value: 1e-20 };
  const every =
    scoring === 'sigmoid' ? tape.op('Sigmoid', [scores]) : tape.op('Softmax', [scores], { attributes: { axis: -1 } });
  const corrected = corrects ? tape.op('Add', [every, builder.frozenWeight(`${path}.${correction}`)]) : every;
  const limited = groups ? limitToGroups(tape, corrected, { ...groups, experts: count }) : corrected;
  const { places } = top(tape, limited, perToken);
  const weights = tape.op('GatherElements', [every, places], { attributes: { axis: -1 } });
  if (!normalizes) return { experts: places, weights };
  const sum = tape.op('ReduceSum', [weights, tape.int64s([-1])], { attributes: { keepdims: 1 } });
  const guarded = tape.op(kind === 'added' ? 'Add' : 'Max', [sum, tape.scalar(value)]);
  return { experts: places, weights: tape.op('Div', [weights, guarded]) };
}

const correction = 'e_score_correction_bias';

function scaled(tape: Tape, weights: Value, scale: number): Value {
  return scale === 1 ? weights : tape.op('Mul', [weights, tape.scalar(scale)]);
}

/** The tensors of a router in the checkpoint and their shapes. */
export function routerWeights({ path, experts, hidden, ...router }: RouterLayer): [name: string, shape: number[]][] {
  const weights: [string, number[]][] = [[`${path}.weight`, [experts, hidden]]];
  if (router.bias) weights.push([`${path}.bias`, [experts]]);
  if (router.corrects) weights.push([`${path}.${correction}`, router.corrects === 'row' ? [1, experts] : [experts]]);
  return weights;
}

/** The tokens of a batch, each once for each of its experts, in the order of the experts. A row is one token for one expert. */
export interface Dispatch {
  /** f32 [rows, width], rows = tokens · perToken */
  readonly rows: Value;
  /** The number of each row before it was sorted, token · perToken + place: i64 [rows] */
  readonly order: Value;
  /** The number of rows of each expert: i64 [experts] */
  readonly counts: Value;
  /** The expert of each row: i64 [rows] */
  expertOfRows(): Value;
  /** Splits rows, [rows, width] of any type, into those of each expert. An expert without tokens gets none. */
  split(x: Value): Value[];
  /** Puts the parts together again: f32 [rows, width] */
  join(parts: readonly Value[], width: number): Value;
  /** The weighted sum of the rows of each token: f32 [tokens, width] */
  combine(rows: Value): Value;
}

/**
 * Sorts tokens by their experts, so that each expert computes all of its tokens by one product and no expert computes others.
 *
 * WHY the tokens are repeated before they are sorted: the sorting is then a permutation, whose gradient copies rows. Adding rows at
 * repeated places would be slow.
 *
 * @param x  f32 [tokens, width]
 */
export function dispatch(
  tape: Tape,
  x: Value,
  { routes, router, width: hidden }: { readonly routes: Routes; readonly router: RouterLayer; readonly width: number },
): Dispatch {
  const { experts: count, perToken } = router;
  const rowCount: Dim = multiplyDims(x.shape?.[0], perToken);
  const flat = tape.op('Reshape', [routes.experts, tape.int64s([-1])], { shape: [rowCount] });
  const order = sorted(tape, flat);
  const counts = countsOf(tape, flat, count);
  const permuted = (of: Value, by: Value): Value =>
    tape.op('Gather', [of, by], { metadata: { [distinctRowsKey]: 'true' }, shape: [rowCount, hidden] });
  const repeated = tape.op('Expand', [tape.op('Unsqueeze', [x, tape.int64s([1])]), tape.int64s([1, perToken, 1])]);
  return {
    rows: permuted(tape.op('Reshape', [repeated, tape.int64s([-1, hidden])], { shape: [rowCount, hidden] }), order),
    order,
    counts,
    expertOfRows: () => tape.op('Gather', [flat, order]),
    split: memoized((rows: Value) => partsOf(tape, rows, { counts, count })),
    join: (parts, width) => tape.op('Concat', parts, { attributes: { axis: 0 }, shape: [rowCount, width] }),
    combine(rows) {
      const back = tape.op('Reshape', [permuted(rows, sorted(tape, order)), tape.int64s([-1, perToken, hidden])], {
        shape: [x.shape?.[0], perToken, hidden],
      });
      const weights = tape.op('Unsqueeze', [routes.weights, tape.int64s([1])]);
      return tape.op('Reshape', [tape.op('MatMul', [weights, back]), tape.int64s([-1, hidden])], {
        shape: [x.shape?.[0], hidden],
      });
    },
  };
}

/** The places of the numbers in ascending order: i64 [n] → i64 [n]. For a permutation this is its inverse. */
function sorted(tape: Tape, numbers: Value): Value {
  const attributes = { axis: 0, largest: 0, sorted: 1 };
  const [, places] = tape.ops('TopK', [numbers, tape.op('Shape', [numbers])], { outputs: 2, attributes });
  if (places === undefined) throw new TypeError('TopK has two outputs');
  places.shape = numbers.shape;
  return places;
}

/** How many of these numbers are 0, 1, 2, ...: i64 [n] → i64 [count] */
function countsOf(tape: Tape, numbers: Value, count: number): Value {
  const every = tape.constant(
    tensorOf(
      'int64',
      [count, 1],
      Array.from({ length: count }, (_, index) => index),
    ),
  );
  const hits = tape.op('Cast', [tape.op('Equal', [every, numbers])], { attributes: { to: dataTypeNumber('int64') } });
  return tape.op('ReduceSum', [hits, tape.int64s([1])], { attributes: { keepdims: 0 } });
}

function partsOf(
  tape: Tape,
  rows: Value,
  { counts, count }: { readonly counts: Value; readonly count: number },
): Value[] {
  const parts = tape.ops('Split', [rows, counts], { outputs: count, attributes: { axis: 0 } });
  // The number of rows of each expert is known only in a run. It has a name, so that gradients know which shapes are equal.
  parts.forEach((part, index) => (part.shape = [`${counts.name}_${index}`.replaceAll(/\W/g, '_'), rows.shape?.[1]]));
  return parts;
}
