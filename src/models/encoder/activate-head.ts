import type { Tape, Value } from '../../ir/index.ts';
import { activate } from '../graph/activation.ts';
import type { HeadLayer } from './encoder-config.ts';

/** Applies the activation of a head or of a convolution to each element. */
export function activateHead(tape: Tape, x: Value, activation: HeadLayer['activation']): Value {
  if (activation === 'none') return x;
  return activation === 'tanh' ? tape.op('Tanh', [x]) : activate(tape, x, activation);
}
