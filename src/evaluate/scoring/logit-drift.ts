import { breathe } from '../../core/index.ts';
import { openGraph } from '../../execution/index.ts';
import { loraPass } from '../../lora/index.ts';
import { buildScoringGraph, type BaseModel } from '../../models/index.ts';
import { runOnce, type Environment, type Session } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { inputsOf, mergeAdapters, scoredModule, type WeightedAdapter } from './merge-adapters.ts';
import { withNorms } from './scoring-parts.ts';

/** A model to compare: a base, optionally with adapters. */
export interface DriftSide {
  readonly base: BaseModel;
  readonly adapters?: readonly WeightedAdapter[];
}

export interface DriftOptions {
  readonly environment: Environment;
  /** The token ids of each row. */
  readonly rows: readonly (readonly number[])[];
  readonly signal?: AbortSignal | undefined;
}

/** The differences between the logits of two models. */
export interface LogitDrift {
  /** The largest absolute difference of a logit. */
  readonly max: number;
  /** The mean absolute difference. */
  readonly mean: number;
  /** The largest magnitude of a logit of the first model, as a scale for the differences. */
  readonly scale: number;
  /** Fraction of positions at which both models have the same most likely token, 0 to 1. */
  readonly agreement: number;
  readonly positions: number;
}

/**
 * Compares the logits of two models at every position. Only one model is loaded at a time.
 *
 * @throws EspalierError LORA_MODULES_INVALID if an adapter is for another base; the errors of `createSession`
 */
export async function logitDrift(first: DriftSide, second: DriftSide, options: DriftOptions): Promise<LogitDrift> {
  const expected = await logitsOf(first, options);
  const actual = await logitsOf(second, options);
  let [max, total, scale, agreeing, positions, count] = [0, 0, 0, 0, 0, 0];
  for (const [i, { logits, vocab }] of expected.entries()) {
    const other = actual[i]?.logits ?? new Float32Array();
    for (let start = 0; start < logits.length; start += vocab, positions++) {
      const row = compareRows(logits.subarray(start, start + vocab), other.subarray(start, start + vocab));
      [max, scale, total] = [Math.max(max, row.max), Math.max(scale, row.scale), total + row.total];
      if (row.agrees) agreeing++;
      count += vocab;
      if (positions % 16 === 0) await breathe();
    }
  }
  return { max, mean: total / Math.max(1, count), scale, agreement: agreeing / Math.max(1, positions), positions };
}

/** A NaN of either model counts as an infinite difference. */
function compareRows(first: Float32Array, second: Float32Array) {
  let [max, total, scale, likeliest, other] = [0, 0, 0, 0, 0];
  for (let i = 0; i < first.length; i++) {
    const [a, b] = [first[i] ?? NaN, second[i] ?? NaN];
    const difference = Math.abs(a - b);
    const distance = Number.isNaN(difference) ? Infinity : difference;
    if (distance > max) max = distance;
    if (Math.abs(a) > scale) scale = Math.abs(a);
    if (a > (first[likeliest] ?? NaN)) likeliest = i;
    if (b > (second[other] ?? NaN)) other = i;
    total += distance;
  }
  return { max, total, scale, agrees: likeliest === other };
}

interface RowLogits {
  /** f32 [tokens, vocab] */
  readonly logits: Float32Array;
  readonly vocab: number;
}

async function logitsOf(
  { base, adapters = [] }: DriftSide,
  { environment, rows, signal }: DriftOptions,
): Promise<RowLogits[]> {
  const merged = await mergeAdapters(adapters);
  const maxLength = rows.reduce((longest, row) => Math.max(longest, row.length), 1);
  const model = buildScoringGraph(base, { maxLength });
  const modules = merged.map(scoredModule);
  const passes = [loraPass({ modules: await withNorms(model, modules, base.dir) })];
  const matrices = merged.flatMap(inputsOf);
  using graph = await openGraph(model, { passes, environment, baseDir: base.dir, session: { exactProducts: true } });
  const results: RowLogits[] = [];
  for (const row of rows) results.push(await rowLogits(graph.session, { row, matrices, signal }));
  return results;
}

async function rowLogits(
  session: Session,
  given: {
    readonly row: readonly number[];
    readonly matrices: readonly [string, TensorData][];
    readonly signal: AbortSignal | undefined;
  },
): Promise<RowLogits> {
  const { row, matrices, signal } = given;
  const positions = row.map((_, i) => i);
  const feeds = {
    ...Object.fromEntries(matrices),
    input_ids: tensorOf('int64', [1, row.length], row),
    rows: tensorOf('int64', [row.length], positions),
  };
  const { logits } = await runOnce(session, feeds, { outputs: ['logits'], signal });
  return { logits: logits ? toFloat32(logits) : new Float32Array(), vocab: logits?.shape[1] ?? 1 };
}
