import { float, type Tape, type Value } from '../../ir/index.ts';

/** Functions between the linear layers of a feed-forward part; `gelu-tanh` is the approximation of GELU by tanh, `relu2` the square of ReLU. */
export type Activation = 'silu' | 'gelu' | 'gelu-tanh' | 'quick-gelu' | 'relu' | 'relu2';

/** Maps the names of activations in a config.json (`hidden_act` and similar fields) to ours. */
export const activations: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  quick_gelu: 'quick-gelu',
  relu: 'relu',
  relu2: 'relu2',
};

/**
 * Applies an activation to each element.
 *
 * WHY QuickGelu for silu: with alpha = 1 it is x·sigmoid(x), SiLU, in one pass over memory.
 */
export function activate(tape: Tape, x: Value, activation: Activation): Value {
  switch (activation) {
    case 'silu':
      return tape.op('QuickGelu', [x], { domain: 'com.microsoft', attributes: { alpha: float(1) } });
    case 'quick-gelu':
      return tape.op('QuickGelu', [x], { domain: 'com.microsoft', attributes: { alpha: float(1.702) } });
    case 'gelu':
      return tape.op('Gelu', [x]);
    case 'gelu-tanh':
      return tape.op('Gelu', [x], { attributes: { approximate: 'tanh' } });
    case 'relu':
      return tape.op('Relu', [x]);
    case 'relu2': {
      const positive = tape.op('Relu', [x]);
      return tape.op('Mul', [positive, positive]);
    }
  }
}
