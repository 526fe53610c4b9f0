import { chunkRecurrence, type Tape, type Value } from '../../../ir/index.ts';
import { decaysOf, unitLowerInverse, type ChunkGrid } from './chunk-grid.ts';

export interface DeltaSizes {
  readonly keyHeads: number;
  /** The number of value heads that share a key head. */
  readonly share: number;
  readonly keyDim: number;
  readonly valueDim: number;
}

/** The inputs of the delta rule. Value head h uses key head floor(h / share). */
export interface DeltaInputs {
  /** f32 [batch, seq, keyHeads·keyDim], scaled */
  readonly queries: Value;
  /** f32 [batch, seq, keyHeads·keyDim], of length 1 */
  readonly keys: Value;
  /** f32 [batch, seq, keyHeads·share·valueDim] */
  readonly values: Value;
  /** f32 [batch, seq, keyHeads·share]: how much a token overwrites, 0 to 1 */
  readonly rates: Value;
  /** f32 [batch, seq, keyHeads·share]: the logarithm of what a token leaves of the state, at most 0 */
  readonly logarithms: Value;
  /** f32 [batch, keyHeads, share, keyDim, valueDim] */
  readonly start: Value;
}

/**
 * The gated delta rule. Step by step, for each head:
 *
 *   S ← e^gₜ·S;   S ← S + βₜ·kₜ·(vₜ − Sᵀkₜ)ᵀ;   oₜ = Sᵀqₜ
 *
 * Here it is computed by chunks: what the tokens of a chunk write depends on each other by a triangular system, which is solved at once.
 *
 *   A = (β ∘ K·Kᵀ) ∘ D, strictly lower;  D = e^(cᵢ − cⱼ);  T = (I + A)⁻¹
 *   V′ = T·(β ∘ V) − T·(β ∘ e^c ∘ K)·S;  O = (e^c ∘ Q)·S + (Q·Kᵀ ∘ D)·V′
 *   S ← e^last·S + (e^(last − c) ∘ K)ᵀ·V′
 *
 * @returns f32 [batch, seq, keyHeads·share·valueDim], and the last state
 * @see Yang et al. 2024, "Gated Delta Networks", section 3.3; "Parallelizing Linear Transformers with the Delta Rule", section 3.2
 */
export function deltaRule(
  tape: Tape,
  { queries, keys, values, rates, logarithms, start }: DeltaInputs,
  {
    sizes,
    grid,
    isDifferentiated,
  }: { readonly sizes: DeltaSizes; readonly grid: ChunkGrid; readonly isDifferentiated: boolean },
): { readonly output: Value; readonly end: Value } {
  const { keyHeads, share, keyDim, valueDim } = sizes;
  const op = (opType: string, ...inputs: Value[]): Value => tape.op(opType, inputs);
  const q = grid.cut(tape, queries, [keyHeads, 1], keyDim);
  const k = grid.cut(tape, keys, [keyHeads, 1], keyDim);
  const v = grid.cut(tape, values, [keyHeads, share], valueDim);
  const rate = op('Unsqueeze', grid.cutNumbers(tape, rates, [keyHeads, share]), tape.int64s([-1]));
  const decays = decaysOf(tape, grid.cutNumbers(tape, logarithms, [keyHeads, share]));
  const turnedKeys = tape.op('Transpose', [k], { attributes: { perm: [0, 1, 2, 3, 5, 4] } });
  const weighted = op('Mul', op('Mul', op('MatMul', k, turnedKeys), decays.pairs), rate);
  const system = tape.op('Trilu', [weighted, tape.int64(-1)], { attributes: { upper: 0 } });
  const inverse = unitLowerInverse(tape, system, grid, isDifferentiated);
  const { end, before, corrected } = chunkRecurrence(tape, {
    start,
    decay: decays.whole,
    correction: {
      read: op('MatMul', inverse, op('Mul', k, op('Mul', rate, decays.since))),
      values: op('MatMul', inverse, op('Mul', v, rate)),
      write: op('Mul', k, decays.until),
    },
  });
  if (corrected === undefined) throw new TypeError('the recurrence has corrections');
  const old = op('MatMul', op('Mul', q, decays.since), before);
  const own = op('MatMul', op('Mul', op('MatMul', q, turnedKeys), decays.pairs), corrected);
  return { output: grid.join(tape, op('Add', old, own), [keyHeads, share], valueDim), end };
}
