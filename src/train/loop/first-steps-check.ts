import { EspalierError } from '../../core/index.ts';
import type { ParameterArena, ParameterEntry } from '../graph/parameter-arena.ts';
import { inSlices } from './slices.ts';

/** The number of steps in which every watched parameter must have changed. WHY 3: the first step of a warm-up has a learning rate of 0. */
const patience = 3;

/** What the check remembers of earlier steps, as plain data. */
export interface FirstStepsState {
  /** The hash of each watched parameter before the first step, in the order of the parameters. */
  readonly before: readonly number[];
  readonly movingSteps: number;
  readonly done: boolean;
}

/**
 * Checks the first steps of a training. A parameter that none of them changes is an error, and never a silent success.
 *
 * WHY a hash and no copy: in a full-parameter training a copy would double the memory of the weights.
 */
export class FirstStepsCheck {
  readonly #arena: ParameterArena;
  readonly #read: () => Promise<unknown>;
  #before: ReadonlyMap<ParameterEntry, number>;
  #movingSteps = 0;
  #done = false;

  private constructor(
    arena: ParameterArena,
    before: ReadonlyMap<ParameterEntry, number>,
    read: () => Promise<unknown>,
  ) {
    this.#arena = arena;
    this.#read = read;
    this.#before = before;
  }

  /**
   * @param watched  the parameters that must change: B of every adapter, or every weight
   * @param read  brings the arena up to date. Default: it is
   */
  static async begin(
    arena: ParameterArena,
    watched: readonly ParameterEntry[],
    read: () => Promise<unknown> = async () => undefined,
  ): Promise<FirstStepsCheck> {
    const before = new Map<ParameterEntry, number>();
    for (const entry of watched) before.set(entry, await hashBits(arena.view(entry)));
    return new FirstStepsCheck(arena, before, read);
  }

  get state(): FirstStepsState {
    return { before: [...this.#before.values()], movingSteps: this.#movingSteps, done: this.#done };
  }

  /** Goes on from the state of another check of the same parameters. */
  resume({ before, movingSteps, done }: FirstStepsState): void {
    this.#before = new Map([...this.#before.keys()].map((entry, i) => [entry, before[i] ?? 0]));
    this.#movingSteps = movingSteps;
    this.#done = done;
  }

  /**
   * @param step          the step that has ended, counted from 1
   * @param learningRate  the learning rate of this step; a step with 0 proves nothing
   * @param last          whether no step follows
   * @throws EspalierError TRAIN_STUCK with the names of the parameters that did not change
   */
  async after(step: number, { learningRate, last }: { learningRate: number; last: boolean }): Promise<void> {
    if (learningRate > 0) this.#movingSteps += 1;
    if (this.#done || this.#movingSteps === 0 || (this.#movingSteps < patience && !last)) return;
    this.#done = true;
    await this.#read();
    const still: string[] = [];
    for (const [entry, hash] of this.#before) {
      if ((await hashBits(this.#arena.view(entry))) === hash) still.push(entry.name);
    }
    if (still.length > 0) throw new EspalierError('TRAIN_STUCK', { steps: step, names: still });
  }
}

/** FNV-1a over the 32-bit patterns. */
async function hashBits(values: Float32Array): Promise<number> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let hash = 0x811c9dc5;
  await inSlices(bits.length, (start, end) => {
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bits[i] ?? 0), 0x01000193);
  });
  return hash;
}
