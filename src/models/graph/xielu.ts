import type { Value } from '../../ir/index.ts';
import type { GraphBuilder } from './graph-builder.ts';

/**
 * The activation xIELU, whose slopes are parameters of the checkpoint: `<path>.alpha_p` and `<path>.alpha_n` f32 [1], `<path>.beta` and
 * `<path>.eps` f32 [].
 *
 *   p = softplus(alpha_p),  n = beta + softplus(alpha_n)
 *   x > 0:  p·x² + beta·x;   x ≤ 0:  n·(exp(min(x, eps)) − 1 − x) + beta·x
 *
 * @param x  f32 [tokens, width]
 * @see Huang & Schlag 2024, "Deriving Activation Functions Using Integration", eq. 10
 */
export function xielu(builder: GraphBuilder, x: Value, path: string): Value {
  const tape = builder.tape(path);
  const [alphaP, alphaN, beta, eps] = xieluWeights(path).map(([name]) => builder.weight(name));
  if (alphaP === undefined || alphaN === undefined || beta === undefined || eps === undefined)
    throw new TypeError('xIELU has four parameters');
  const squares = tape.op('Mul', [tape.op('Mul', [tape.op('Softplus', [alphaP]), x]), x]);
  const slope = tape.op('Add', [beta, tape.op('Softplus', [alphaN])]);
  const below = tape.op('Sub', [tape.op('Exp', [tape.op('Min', [x, eps])]), tape.scalar(1)]);
  const curve = tape.op('Mul', [tape.op('Sub', [below, x]), slope]);
  const curved = tape.op('Where', [tape.op('Greater', [x, tape.scalar(0)]), squares, curve]);
  return tape.op('Add', [curved, tape.op('Mul', [x, beta])]);
}

/** Maps the names of the tensors of an xIELU in the checkpoint to their shapes. */
export function xieluWeights(path: string): [name: string, shape: number[]][] {
  return [
    [`${path}.alpha_p`, [1]],
    [`${path}.alpha_n`, [1]],
    [`${path}.beta`, []],
    [`${path}.eps`, []],
  ];
}
