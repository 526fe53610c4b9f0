import { EspalierError, ResourceStack } from '../../core/index.ts';
import { deviceHeld, type Environment, type TensorMemory } from '../../onnxruntime/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import type { ParameterArena } from '../graph/parameter-arena.ts';
import { globalNorm } from '../graph/gradients.ts';
import type { FlatPasses, LossResult, PassPlace } from '../graph/passes.ts';
import type { OptimizerName, OptimizerSettings } from '../optimizer/create-optimizer.ts';
import type { Floats, Optimizer, ParameterGroup, StepSettings } from '../optimizer/optimizer.ts';
import { flatTensor, readFlat, writeFlat } from './flat-memory.ts';
import { GradientNorm } from './gradient-norm.ts';
import { UpdateSession } from './update-session.ts';

export interface HeldTrainingOptions {
  readonly environment: Environment;
  /** The caller owns them. */
  readonly passes: FlatPasses;
  /** What the training starts from, and where `read` writes. */
  readonly parameters: ParameterArena;
  /** Has the state to start from; it counts the steps, and computes nothing. */
  readonly optimizer: Optimizer;
  readonly name: OptimizerName;
  readonly settings: OptimizerSettings;
  readonly groups: readonly ParameterGroup[];
  /** Whether steps have several passes. Their memory is allocated at once then, and else with the first such step. */
  readonly isSummed: boolean;
}

/** Memory for the gradients of a pass that is not the first of its step, and for the sum with it. */
interface SumMemory {
  readonly part: TensorMemory;
  readonly next: TensorMemory;
}

/** How far norms of the device may be from those of the host, which sums in f64. */
const normTolerance = 1e-3;

/**
 * A training whose parameters, gradients and optimizer state are in memory beside its graphs: that of their device. A step copies its
 * rows there, and gets back losses, a norm and the largest weight. The arrays on the host are as they were until `read`.
 *
 * Of a step's passes, the first one replaces the gradients, and the others are added to them.
 */
export class HeldTraining implements Disposable {
  readonly #options: HeldTrainingOptions;
  readonly #update: UpdateSession;
  readonly #norm: GradientNorm;
  /** The sum of the passes of a step so far. */
  #gradients: TensorMemory;
  #sums: SumMemory | undefined;
  #largest: number | undefined;
  /** Whether the host has the present parameters and state. */
  #isRead = true;

  /** @throws EspalierError DEVICE_MEMORY if the device has no room for the arrays, or does not read them as they are */
  static async open(options: HeldTrainingOptions): Promise<HeldTraining> {
    const { environment, passes, parameters, optimizer, name, settings, groups } = options;
    const { length, byteLength } = parameters.flat;
    const allocate = passes.allocate.bind(passes);
    const own = new ResourceStack();
    try {
      const form = { optimizer: name, settings, length };
      const names = Object.keys(optimizer.state);
      const update = own.use(await UpdateSession.open(names, { environment, allocate, form, groups }));
      const norm = own.use(await GradientNorm.open(environment, length));
      const gradients = own.use(await allocate(byteLength, 'gradients'));
      await writeFlat(update.parameters.now, parameters.flat);
      await update.writeMoments(inFloats(optimizer.state));
      await assertRead(parameters, await norm.of(update.parameters.now));
      const held = new HeldTraining(options, { update, norm, gradients });
      if (options.isSummed) await held.#sumMemory();
      return held;
    } catch (error) {
      own.dispose();
      throw error;
    }
  }

  private constructor(
    options: HeldTrainingOptions,
    parts: { readonly update: UpdateSession; readonly norm: GradientNorm; readonly gradients: TensorMemory },
  ) {
    this.#options = options;
    this.#update = parts.update;
    this.#norm = parts.norm;
    this.#gradients = parts.gradients;
  }

  async #sumMemory(): Promise<SumMemory> {
    if (this.#sums !== undefined) return this.#sums;
    const { passes, parameters } = this.#options;
    const { byteLength } = parameters.flat;
    const part = await passes.allocate(byteLength, 'gradients');
    try {
      return (this.#sums = { part, next: await passes.allocate(byteLength, 'sums of gradients') });
    } catch (error) {
      part.dispose();
      throw error;
    }
  }

  /** A pass. @param isFirst  of its step: its gradients take the place of those before */
  async run(micro: MicroBatch, place: PassPlace, isFirst: boolean): Promise<LossResult> {
    const { passes } = this.#options;
    const sums = isFirst ? undefined : await this.#sumMemory();
    const target = sums?.part ?? this.#gradients;
    using read = flatTensor(this.#update.parameters.now);
    passes.bindFlat('parameters', read);
    using written = flatTensor(target);
    passes.bindFlat('gradients', written);
    const result = await passes.run(micro, place);
    if (sums !== undefined) {
      await this.#norm.add(this.#gradients, sums.part, sums.next);
      this.#sums = { part: sums.part, next: this.#gradients };
      this.#gradients = sums.next;
    }
    return result;
  }

  /**
   * The Euclidean norm of the gradients' sum; not finite if a gradient is not.
   * @param gradients  have the sum as well, if the norm is not finite on the device
   */
  async norm(gradients: ParameterArena): Promise<number> {
    const norm = await this.#norm.of(this.#gradients);
    if (Number.isFinite(norm)) return norm;
    // WHY again: squares in f32 may be beyond its numbers where the gradients are not. And who names a gradient looks at them here.
    await readFlat(this.#gradients, gradients.flat);
    return globalNorm(gradients.flat);
  }

  /** One step of the optimizer with the gradients' sum. */
  async update(settings: StepSettings): Promise<void> {
    const { optimizer } = this.#options;
    optimizer.begin(settings);
    this.#isRead = false;
    const { largest } = await this.#update.run(this.#gradients, optimizer.steps, settings);
    this.#largest = largest;
  }

  /** The largest magnitude of a parameter after the last update; undefined before the first one. */
  get largest(): number | undefined {
    return this.#largest;
  }

  /** Copies parameters and state to the arrays on the host, if they are others by now. */
  async read(): Promise<void> {
    if (this.#isRead) return;
    const { parameters, optimizer } = this.#options;
    await readFlat(this.#update.parameters.now, parameters.flat);
    await this.#update.readMoments(inFloats(optimizer.state));
    this.#isRead = true;
  }

  dispose(): void {
    this.#sums?.part.dispose();
    this.#sums?.next.dispose();
    for (const each of [this.#gradients, this.#norm, this.#update]) each.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * WHY: a buffer that is longer than a device can bind is no error there, but nothing is read.
 * @throws EspalierError DEVICE_MEMORY
 */
async function assertRead({ flat }: ParameterArena, there: number): Promise<void> {
  const here = await globalNorm(flat);
  if (Object.is(here, there) || Math.abs(there - here) <= normTolerance * here) return;
  const reason = `it computes ${there} as their norm, and the host ${here}`;
  throw new EspalierError('DEVICE_MEMORY', {
    what: 'parameters',
    bytes: flat.byteLength,
    held: deviceHeld().total,
    reason,
  });
}

function inFloats(state: Readonly<Record<string, Floats>>): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(state).map(([name, values]) => {
      if (values instanceof Float32Array) return [name, values];
      throw new TypeError('a state in f64 stays on the host');
    }),
  );
}
