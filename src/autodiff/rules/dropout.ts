import type { Tape, Value } from '../../ir/index.ts';
import { cast, div, mul, scalar, sub } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { savedOutput } from '../saved-output.ts';
import { constantIntegers, constantNumbers } from '../shapes.ts';

/**
 * Dropout: output = data ∘ mask / (1 − ratio) in training mode, otherwise data
 *
 *   ddata = doutput ∘ mask / (1 − ratio), otherwise doutput
 *
 * The mask is the second output, which the rule adds to the forward node if it is missing.
 * @see ONNX Dropout-13
 */
export const dropoutGradient = gradientRule({
  opType: 'Dropout',
  inputs: ['data', 'ratio?', 'training_mode?'],
  outputs: ['output'],
  backward: ({ tape, node, inputs: { data, ratio, training_mode }, gradients: { output: dY } }) => ({
    data() {
      if (training_mode === undefined || constantFlag(training_mode) === false) return dY;
      const mask = savedOutput(tape, node, { index: 1, name: 'mask', dtype: 'bool', shape: data.shape });
      const factor = keepFactor(tape, { dY, ratio, training_mode });
      return mul(tape, dY, tape.op('Where', [mask, factor, scalar(tape, 0, dY)]));
    },
  }),
});

/** 1 / (1 − ratio) in training mode, else 1. */
function keepFactor(
  tape: Tape,
  { dY, ratio, training_mode }: { dY: Value; ratio: Value | undefined; training_mode: Value },
): Value {
  const one = scalar(tape, 1, dY);
  const dropped = ratio ? cast(tape, ratio, dY.dtype ?? 'float32') : scalar(tape, 0.5, dY);
  const factor = div(tape, one, sub(tape, one, dropped));
  return constantFlag(training_mode) ? factor : tape.op('Where', [training_mode, factor, one]);
}

function constantFlag(value: Value): boolean | undefined {
  const [flag] = constantIntegers(value) ?? constantNumbers(value) ?? [];
  return flag === undefined ? undefined : flag !== 0;
}
