import type { Environment, IoBinding, Session, SessionOptions } from '../runtime/index.ts';
import { NativeMemory, OrtTensor } from '../runtime/index.ts';
import type { MicroBatch } from './micro-batch.ts';
import type { ParameterArena } from './parameter-arena.ts';
import type { TrainingGraph } from './training-graph.ts';

export interface TrainingSessionOptions {
  readonly environment: Environment;
  readonly parameters: ParameterArena;
  /** Where gradients are written, laid out as the parameters; absent in a session for evaluation. */
  readonly gradients?: ParameterArena;
  /** Share of values that adapters drop; 0 turns it off. */
  readonly dropout?: number;
  readonly session?: SessionOptions;
}

/**
 * A training graph, loaded, with parameters and gradients bound in place. A run copies nothing but the token ids in.
 * It neither owns nor changes the parameters.
 */
export class TrainingSession implements Disposable {
  readonly #session: Session;
  readonly #binding: IoBinding;
  readonly #scalars = NativeMemory.allocate(8);
  readonly #owned: OrtTensor[] = [];
  #rows: NativeMemory | undefined;

  private constructor(session: Session) {
    this.#session = session;
    this.#binding = session.createBinding();
  }

  static async open(graph: TrainingGraph, options: TrainingSessionOptions): Promise<TrainingSession> {
    const session = await options.environment.createSession(graph.bytes, {
      externalDataFolder: graph.externalDataFolder,
      // WHY: the number of targets differs from run to run, so that no plan fits twice; without plans the peak is a quarter lower.
      memoryPattern: false,
      ...options.session,
    });
    const result = new TrainingSession(session);
    result.#bindFixed(graph, options);
    return result;
  }

  #bindFixed(graph: TrainingGraph, { parameters, gradients, dropout = 0 }: TrainingSessionOptions): void {
    for (const { name } of graph.parameters) this.#binding.bindInput(name, parameters.tensor(name));
    for (const [name, output] of graph.gradientOf) {
      if (gradients !== undefined) this.#binding.bindOutput(output, gradients.tensor(name));
    }
    this.#binding.bindOutput('loss_sum', this.#own(OrtTensor.over(this.#scalars, 'float32', [], 0)));
    if (this.#session.inputs.some(({ name }) => name === 'lora_dropout_ratio')) {
      this.#scalars.float32(4, 1)[0] = dropout;
      this.#binding.bindInput('lora_dropout_ratio', this.#own(OrtTensor.over(this.#scalars, 'float32', [], 4)));
    }
  }

  #own(tensor: OrtTensor): OrtTensor {
    this.#owned.push(tensor);
    return tensor;
  }

  /**
   * One forward (and, with gradients, backward) pass.
   * @returns the loss summed over the targets, in nats
   */
  async run(micro: MicroBatch): Promise<number> {
    const { batch, seq, inputIds, targetRows, targetIds } = micro;
    const memory = this.#memoryFor(inputIds.length + targetRows.length + targetIds.length);
    let next = 0;
    const bind = (name: string, ids: BigInt64Array, shape: readonly number[]): void => {
      memory.bigInt64(next * 8, ids.length).set(ids);
      using tensor = OrtTensor.over(memory, 'int64', shape, next * 8);
      this.#binding.bindInput(name, tensor);
      next += ids.length;
    };
    bind('input_ids', inputIds, [batch, seq]);
    bind('target_rows', targetRows, [targetRows.length]);
    bind('target_ids', targetIds, [targetIds.length]);
    await this.#session.run(this.#binding);
    return this.#scalars.float32(0, 1)[0] ?? NaN;
  }

  /** Room for so many ids, kept from run to run and grown by halves. */
  #memoryFor(ids: number): NativeMemory {
    if (this.#rows !== undefined && this.#rows.byteLength >= ids * 8) return this.#rows;
    this.#rows?.dispose();
    this.#rows = NativeMemory.allocate(Math.ceil(ids * 1.5) * 8);
    return this.#rows;
  }

  dispose(): void {
    this.#binding.dispose();
    this.#session.dispose();
    for (const tensor of this.#owned) tensor.dispose();
    this.#scalars.dispose();
    this.#rows?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
