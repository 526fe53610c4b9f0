import { EspalierError } from '../../core/index.ts';
import { ParameterArena, type ParameterSpec } from '../graph/parameter-arena.ts';
import { copyInto } from '../graph/gradients.ts';
import type { AllocateState, Optimizer } from './optimizer.ts';

/** What an optimizer has learned about the parameters, as plain data. */
export interface OptimizerState {
  readonly name: string;
  /** Steps begun so far. */
  readonly steps: number;
  /** f32, each as long as the parameters' flat array. */
  readonly moments: Readonly<Record<string, Float32Array>>;
}

/**
 * Memory for the state of an optimizer: one arena for each kind of moment, laid out like the parameters, so that a moment of a
 * parameter lies where the parameter itself does. WHY not the JavaScript heap: two moments of every weight are twice the model.
 */
export class OptimizerMemory implements Disposable {
  readonly #specs: readonly ParameterSpec[];
  readonly #arenas: ParameterArena[] = [];

  constructor(specs: readonly ParameterSpec[]) {
    this.#specs = specs;
  }

  readonly allocate: AllocateState = () => {
    const arena = new ParameterArena(this.#specs);
    this.#arenas.push(arena);
    return arena.flat;
  };

  dispose(): void {
    for (const arena of this.#arenas) arena.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A copy of an optimizer's state, made in slices. */
export async function copyOptimizerState({ name, steps, state }: Optimizer): Promise<OptimizerState> {
  const moments: Record<string, Float32Array> = {};
  for (const [key, values] of Object.entries(state)) {
    const copy = (moments[key] = new Float32Array(values.length));
    await copyInto(copy, values);
  }
  return { name, steps, moments };
}

/**
 * Lets an optimizer go on from a state.
 * @throws EspalierError TRAIN_STATE_MISMATCH when it is that of another optimizer or of other parameters; nothing was changed then
 */
export async function restoreOptimizerState(optimizer: Optimizer, stored: OptimizerState): Promise<void> {
  const [expected, actual] = [describe(optimizer.name, optimizer.state), describe(stored.name, stored.moments)];
  if (expected !== actual) throw new EspalierError('TRAIN_STATE_MISMATCH', { what: 'optimizer', expected, actual });
  for (const [key, values] of Object.entries(optimizer.state)) {
    const moment = stored.moments[key];
    if (moment !== undefined) await copyInto(values, moment);
  }
  optimizer.resume(stored.steps);
}

function describe(name: string, arrays: Readonly<Record<string, { readonly length: number }>>): string {
  const parts = Object.entries(arrays).map(([key, { length }]) => `${key} of ${length}`);
  return `${name} with ${parts.length === 0 ? 'no moments' : parts.sort().join(' and ')}`;
}
