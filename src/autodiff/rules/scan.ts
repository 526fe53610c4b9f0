import {
  asChunkRecurrence,
  chunkRecurrence,
  type ChunkStates,
  type Node,
  type Tape,
  type Value,
} from '../../ir/index.ts';
import { chunkedLossKey } from '../chunked-loss.ts';
import { mul, sameAs, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { once } from './once.ts';

/**
 * Scan, as `chunkRecurrence` writes it (other bodies are refused): V′ₙ = Vₙ − Rₙ·Sₙ, Sₙ₊₁ = decayₙ ∘ Sₙ + addedₙ + Wₙᵀ·V′ₙ
 *
 *   dV′ₙ ← dV′ₙ + Wₙ·dSₙ₊₁,   dSₙ = decayₙ ∘ dSₙ₊₁ + dbeforeₙ − Rₙᵀ·dV′ₙ     (the same recurrence, backwards)
 *   dstart = dS₀   ddecayₙ = Σ dSₙ₊₁ ∘ Sₙ   daddedₙ = dSₙ₊₁   dRₙ = −dV′ₙ·Sₙᵀ   dVₙ = dV′ₙ   dWₙ = V′ₙ·dSₙ₊₁ᵀ
 *
 * Or as `chunkLoss` writes it: (losses, slopes) of each row of x      dx = slopes ∘ dlosses
 *
 * @see ONNX Scan-16
 */
export const scanGradient = gradientRule({
  opType: 'Scan',
  outputs: 'variadic',
  covers: (node) => asChunkRecurrence(node) !== undefined || node.metadata.has(chunkedLossKey),
  backward({ tape, node, outputGradients: [dEnd, dBefore, dCorrected] }) {
    if (node.metadata.has(chunkedLossKey)) return [() => slopesTimes(tape, node, dEnd)];
    const forward = asChunkRecurrence(node);
    const [, before, corrected] = node.outputs;
    if (forward === undefined || before === undefined) throw new TypeError('only a recurrence over chunks is covered');
    const { start, decay, added, correction, reversed = false } = forward;
    const backward = once((): ChunkStates =>
      chunkRecurrence(tape, {
        start: dEnd ?? zerosLike(tape, start),
        decay,
        added: dBefore,
        correction: correction && {
          read: unary(tape, 'Neg', correction.write),
          values: dCorrected ?? zerosLike(tape, correction.values),
          write: unary(tape, 'Neg', correction.read),
        },
        reversed: !reversed,
      }),
    );
    const dValues = (): Value => backward().corrected ?? start;
    const ddecay = (): Value => {
      const product = tape.op('Mul', [backward().before, before], sameAs(before));
      return tape.op('ReduceSum', [product, tape.int64s([-2, -1])], { attributes: { keepdims: 1 }, ...sameAs(decay) });
    };
    const outer = (a: Value, b: Value, like: Value): Value =>
      tape.op('MatMul', [a, tape.op('Transpose', [b], { attributes: { perm: turned(b) } })], sameAs(like));
    return [
      () => backward().end,
      ddecay,
      ...(added ? [() => backward().before] : []),
      ...(correction && corrected
        ? [
            () => unary(tape, 'Neg', outer(dValues(), before, correction.read)),
            dValues,
            () => outer(corrected, backward().before, correction.write),
          ]
        : []),
    ];
  },
});

/** The gradient of the rows whose losses a Scan of `chunkLoss` computes: its second output has their slopes. */
function slopesTimes(tape: Tape, { outputs: [, slopes] }: Node, dLosses: Value | undefined): Value {
  if (slopes === undefined || dLosses === undefined) throw new TypeError('a chunked loss is built with its slopes');
  return mul(tape, slopes, tape.op('Unsqueeze', [dLosses, tape.int64s([-1])]));
}

function zerosLike(tape: Tape, value: Value): Value {
  return tape.op('Mul', [value, tape.scalar(0, value.dtype)], sameAs(value));
}

/** The axes with the last two exchanged. */
function turned({ shape = [] }: Value): number[] {
  const rank = shape.length;
  return [...Array(rank - 2).keys(), rank - 1, rank - 2];
}
