import { ResourceStack } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import {
  type Environment,
  type IoBinding,
  OrtTensor,
  type Session,
  type TensorMemory,
} from '../../onnxruntime/index.ts';
import type { ParameterGroup, StepSettings } from '../optimizer/optimizer.ts';
import { alignment } from '../graph/parameter-arena.ts';
import { inSlices } from '../loop/slices.ts';
import { type AllocateFlat, FlatPair, flatTensor, readFlat, writeFlat } from './flat-memory.ts';
import { decayOf, numbersOf, stepNumbers, updateGraph, type UpdateForm } from './update-graph.ts';

export interface UpdateSessionOptions {
  readonly environment: Environment;
  readonly allocate: AllocateFlat;
  readonly form: Omit<UpdateForm, 'isEach'>;
  readonly groups: readonly ParameterGroup[];
}

/** What an update says of the parameters that it has made. */
export interface Updated {
  /** The largest magnitude; NaN if one is not a number. */
  readonly largest: number;
}

/** Parameters and moments in memory beside a graph that updates them. */
export class UpdateSession implements Disposable {
  readonly parameters: FlatPair;
  readonly #moments: ReadonlyMap<string, FlatPair>;
  readonly #form: UpdateForm;
  readonly #group: { readonly rate: number; readonly weightDecay: number } | undefined;
  readonly #own: ResourceStack;
  readonly #session: Session;
  readonly #binding: IoBinding;
  /** The numbers of the step, and what comes back. */
  readonly #numbers: NativeMemory;

  /** @param moments  the names of the optimizer's moments. Everything is 0 at first */
  static async open(moments: readonly string[], options: UpdateSessionOptions): Promise<UpdateSession> {
    const { environment, allocate, groups } = options;
    const form = { ...options.form, isEach: !isOne(groups, options.form.length) };
    const own = new ResourceStack();
    try {
      const byteLength = form.length * Float32Array.BYTES_PER_ELEMENT;
      const pair = async (what: string): Promise<FlatPair> =>
        own.use(await FlatPair.allocate(allocate, byteLength, what));
      const parameters = await pair('parameters');
      const states = new Map<string, FlatPair>();
      for (const name of moments) states.set(name, await pair(`an optimizer's ${name}`));
      const session = own.use(await environment.createSession(updateGraph(form)));
      const binding = own.use(session.createBinding());
      const numbers = own.use(NativeMemory.allocate(numberBytes));
      if (form.isEach) {
        for (const [name, values] of Object.entries(eachOf(form, groups))) {
          const memory = own.use(await allocate(byteLength, name));
          await writeFlat(memory, await values);
          using tensor = flatTensor(memory);
          binding.bindInput(name, tensor);
        }
      }
      return new UpdateSession({ parameters, states, form, groups, own, session, binding, numbers });
    } catch (error) {
      own.dispose();
      throw error;
    }
  }

  private constructor(parts: {
    readonly parameters: FlatPair;
    readonly states: ReadonlyMap<string, FlatPair>;
    readonly form: UpdateForm;
    readonly groups: readonly ParameterGroup[];
    readonly own: ResourceStack;
    readonly session: Session;
    readonly binding: IoBinding;
    readonly numbers: NativeMemory;
  }) {
    const [group] = parts.groups;
    this.parameters = parts.parameters;
    this.#moments = parts.states;
    this.#form = parts.form;
    this.#group = parts.form.isEach || group === undefined ? undefined : { rate: 1, ...group };
    this.#own = parts.own;
    this.#session = parts.session;
    this.#binding = parts.binding;
    this.#numbers = parts.numbers;
    const named = new Set(this.#session.inputs.map(({ name }) => name));
    for (const [place, name] of stepNumbers.entries()) {
      using tensor = OrtTensor.over(this.#numbers, 'float32', [1], place * 4);
      if (named.has(name)) this.#binding.bindInput(name, tensor);
    }
    for (const [place, name] of results.entries()) {
      using tensor = OrtTensor.over(this.#numbers, 'float32', [], (stepNumbers.length + place) * 4);
      this.#binding.bindOutput(name, tensor);
    }
  }

  /**
   * One update.
   * @param steps  of the optimizer, this one included
   */
  async run(gradients: TensorMemory, steps: number, settings: StepSettings): Promise<Updated> {
    const numbers = numbersOf(this.#form, steps, settings, this.#group);
    const memory = this.#numbers.float32();
    for (const [place, name] of stepNumbers.entries()) memory[place] = numbers[name];
    this.#bind('bindInput', 'gradients', gradients);
    const pairs = [['parameters', this.parameters] as const, ...this.#moments];
    for (const [name, pair] of pairs) {
      this.#bind('bindInput', name, pair.now);
      this.#bind('bindOutput', `${name}.next`, pair.next);
    }
    await this.#session.run(this.#binding);
    for (const [, pair] of pairs) pair.swap();
    const [largest = NaN, squares = NaN] = memory.subarray(stepNumbers.length);
    return { largest: Number.isNaN(squares) ? NaN : largest };
  }

  #bind(how: 'bindInput' | 'bindOutput', name: string, memory: TensorMemory): void {
    using tensor = flatTensor(memory);
    this.#binding[how](name, tensor);
  }

  /** Copies the moments out, by their names. */
  async readMoments(into: Readonly<Record<string, Float32Array>>): Promise<void> {
    for (const [name, { now }] of this.#moments) await readFlat(now, into[name] ?? new Float32Array());
  }

  async writeMoments(from: Readonly<Record<string, Float32Array>>): Promise<void> {
    for (const [name, { now }] of this.#moments) await writeFlat(now, from[name] ?? new Float32Array());
  }

  dispose(): void {
    this.#own.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const results = ['largest', 'square_sum'] as const;
const numberBytes = 4 * (stepNumbers.length + results.length);

/** Whether one group has everything, the gap behind the last parameter excepted. */
function isOne(groups: readonly ParameterGroup[], length: number): boolean {
  const [first, ...others] = groups;
  return first?.start === 0 && others.length === 0 && length - first.end < alignment;
}

/** The rate and the decay of each element. What is in no group has 0 of both. */
function eachOf(
  { optimizer, length }: Pick<UpdateForm, 'optimizer' | 'length'>,
  groups: readonly ParameterGroup[],
): Readonly<Record<'rates' | 'decays', Promise<Float32Array>>> {
  const filled = async (valueOf: (group: Required<ParameterGroup>) => number): Promise<Float32Array> => {
    const values = new Float32Array(length);
    for (const { rate = 1, ...group } of groups) {
      const value = valueOf({ rate, ...group });
      await inSlices(group.end - group.start, (from, to) => {
        values.fill(value, group.start + from, group.start + to);
      });
    }
    return values;
  };
  return { rates: filled(({ rate }) => rate), decays: filled((group) => decayOf(optimizer, group)) };
}
