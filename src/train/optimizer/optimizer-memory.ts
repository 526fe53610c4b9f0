import { EspalierError } from '../../core/index.ts';
import { ParameterArena, type ParameterSpec } from '../graph/parameter-arena.ts';
import { copyInto } from '../graph/gradients.ts';
import type { AllocateState, Optimizer } from './optimizer.ts';

/** The state of an optimizer, as plain data. */
export interface OptimizerState {
  readonly name: string;
  /** Number of steps begun so far. */
  readonly steps: number;
  /** f32, each as long as the parameters' flat array. */
  readonly moments: Readonly<Record<string, Float32Array>>;
}

/**
 * Memory for the state of an optimizer: one arena for each kind of moment, in the layout of the parameters, so that a moment has the
 * same offset as its parameter. WHY not the JavaScript heap: two moments of every weight take twice the memory of the model.
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
 * Restores an optimizer from a state.
 * @throws EspalierError TRAIN_STATE_MISMATCH if it belongs to another optimizer or to other parameters. Nothing was changed then.
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
