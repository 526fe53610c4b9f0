import type { Tape, Value } from '../../ir/index.ts';
import { activate, type Activation } from './activation.ts';

/** How gate and up become one. */
export interface GatedUnit {
  readonly activation: Activation;
  /** If it is given, gate and up are clipped to it, and up is moved by 1. */
  readonly limit?: number;
}

/**
 * The product of a gate and another part:
 *
 *   activation(gate) ∘ up,   or with a limit:   activation(min(gate, limit)) ∘ (clip(up, −limit, limit) + 1)
 *
 * @param parts  f32 [rows, inner] each
 * @returns f32 [rows, inner]
 * @see the model card of gpt-oss, section 2, for the limit
 */
export function gatedUnit(
  tape: Tape,
  { gate, up }: { readonly gate: Value; readonly up: Value },
  { activation, limit }: GatedUnit,
): Value {
  if (limit === undefined) return tape.op('Mul', [activate(tape, gate, activation), up]);
  const [lower, upper] = [tape.scalar(-limit), tape.scalar(limit)];
  const clipped = tape.op('Clip', [gate, undefined, upper]);
  const moved = tape.op('Add', [tape.op('Clip', [up, lower, upper]), tape.scalar(1)]);
  return tape.op('Mul', [activate(tape, clipped, activation), moved]);
}
