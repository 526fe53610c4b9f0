import { microsoft } from '../emit.ts';
import { nonDifferentiable, undifferentiable, type GradientRule } from '../gradient-rule.ts';

const integerOutput = 'its output is not a float';
const noInput = 'its output does not depend on the values of its inputs';
const roundsToIntegers =
  'it rounds to integers, and has no gradient; train the model before it was quantized, or quantize its weights only';
const flat = 'its derivative is 0 wherever it has one';

/** Operators that end a path from a parameter. If all paths of a parameter end like this, `differentiate` throws. */
export const notDifferentiable: readonly GradientRule[] = [
  ...['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero', 'IsNaN', 'IsInf'].map(because(integerOutput)),
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Not', 'And', 'Or', 'Xor'].map(
    because(integerOutput),
  ),
  ...['ConstantOfShape', 'EyeLike', 'RandomNormalLike', 'RandomUniformLike', 'Bernoulli'].map(because(noInput)),
  nonDifferentiable('GatherBlockQuantized', 'its table is quantized', microsoft),
  ...['Range', 'OneHot', 'Floor', 'Ceil', 'Round', 'Sign'].map(because(flat)),
];

/** Operators that make `differentiate` throw if they are on a path. */
export const refused: readonly GradientRule[] = [
  ...['QuantizeLinear', 'DynamicQuantizeLinear'].map((opType) => undifferentiable(opType, roundsToIntegers)),
  ...['QuantizeLinear', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM', 'QAttention', 'QLinearAdd', 'QMoE'].map(
    (opType) => undifferentiable(opType, roundsToIntegers, microsoft),
  ),
];

function because(reason: string): (opType: string) => GradientRule {
  return (opType) => nonDifferentiable(opType, reason);
}
