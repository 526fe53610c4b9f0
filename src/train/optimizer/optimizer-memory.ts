import { EspalierError } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { copyInto } from '../graph/gradients.ts';
import type { AllocateState, Floats, Optimizer } from './optimizer.ts';

/** The types in which an optimizer can keep its state. */
export const optimizerDtypes = ['float32', 'float64'] as const;
export type OptimizerDtype = (typeof optimizerDtypes)[number];

/** The state of an optimizer, as plain data. */
export interface OptimizerState {
  readonly name: string;
  /** Number of steps begun so far. */
  readonly steps: number;
  /** Each as long as the parameters' flat array. */
  readonly moments: Readonly<Record<string, Floats>>;
}

export interface OptimizerMemoryOptions {
  /** Default: float32. */
  readonly dtype?: OptimizerDtype | undefined;
  /**
   * What an earlier run left of each moment, by its name. The optimizer goes on with this memory, and no copy is made. It is taken over:
   * `dispose` releases it.
   */
  readonly from?: ReadonlyMap<string, NativeMemory> | undefined;
}

/**
 * Memory for the state of an optimizer: one array for each kind of moment, in the layout of the parameters, so that a moment has the
 * same offset as its parameter. WHY not the JavaScript heap: two moments of every weight take twice the memory of the model.
 */
export class OptimizerMemory implements Disposable {
  readonly #options: OptimizerMemoryOptions;
  readonly #memories: NativeMemory[] = [];

  constructor(options: OptimizerMemoryOptions = {}) {
    this.#options = options;
    this.#memories.push(...(options.from?.values() ?? []));
  }

  readonly allocate: AllocateState = ({ length }, moment) => {
    const { dtype = 'float32', from } = this.#options;
    const byteLength = length * (dtype === 'float64' ? 8 : 4);
    const given = from?.get(moment);
    if (from !== undefined && given?.byteLength !== byteLength) {
      const [expected, actual] = [`${moment} of ${byteLength} bytes`, `${given?.byteLength ?? 'no'} bytes`];
      throw new EspalierError('TRAIN_STATE_MISMATCH', { what: 'optimizer', expected, actual });
    }
    const memory = given ?? NativeMemory.allocate(byteLength);
    if (given === undefined) this.#memories.push(memory);
    return dtype === 'float64' ? memory.float64(0, length) : memory.float32(0, length);
  };

  dispose(): void {
    for (const memory of this.#memories) memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A copy of an optimizer's state, made in slices. */
export async function copyOptimizerState({ name, steps, state }: Optimizer): Promise<OptimizerState> {
  const moments: Record<string, Floats> = {};
  for (const [key, values] of Object.entries(state)) {
    const copy = (moments[key] =
      values instanceof Float64Array ? new Float64Array(values.length) : new Float32Array(values.length));
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
    if (moment !== undefined && moment !== values) await copyInto(values, moment);
  }
  optimizer.resume(stored.steps);
}

function describe(name: string, arrays: Readonly<Record<string, Floats>>): string {
  const typeOf = (values: Floats): string => (values instanceof Float64Array ? 'f64' : 'f32');
  const parts = Object.entries(arrays).map(([key, values]) => `${key} of ${values.length} ${typeOf(values)}`);
  return `${name} with ${parts.length === 0 ? 'no moments' : parts.sort().join(' and ')}`;
}
