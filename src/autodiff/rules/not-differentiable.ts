import { nonDifferentiable, type GradientRule } from '../gradient-rule.ts';

const integerOutput = 'its output is not a float';
const noInput = 'its output does not depend on the values of its inputs';
const flat = 'its derivative is 0 wherever it has one';

/** Operators at which a path from a parameter ends. A parameter that has no other way to the loss is an error. */
export const notDifferentiable: readonly GradientRule[] = [
  ...['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero', 'IsNaN', 'IsInf'].map(because(integerOutput)),
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Not', 'And', 'Or', 'Xor'].map(
    because(integerOutput),
  ),
  ...['ConstantOfShape', 'EyeLike', 'RandomNormalLike', 'RandomUniformLike', 'Bernoulli'].map(because(noInput)),
  ...['Range', 'OneHot', 'Floor', 'Ceil', 'Round', 'Sign'].map(because(flat)),
];

function because(reason: string): (opType: string) => GradientRule {
  return (opType) => nonDifferentiable(opType, reason);
}
