import { type BoundOutput, type IoBinding, OrtTensor, type Session } from '../../onnxruntime/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { byteLength, type TensorData } from '../../tensor/index.ts';

interface Owned {
  readonly tensor: OrtTensor;
  readonly memory: NativeMemory;
}

/**
 * Runs a session repeatedly on inputs of the same shapes, with memory that is bound once. This avoids most of the time that
 * `runOnce` needs in addition to that of a small graph.
 */
export class RepeatedRun implements Disposable {
  readonly #session: Session;
  readonly #binding: IoBinding;
  readonly #inputs = new Map<string, Owned>();
  /** Empty before the first run, which finds the shapes of the outputs. */
  readonly #outputs = new Map<string, Owned>();

  constructor(session: Session, feeds: Readonly<Record<string, TensorData>>) {
    this.#session = session;
    this.#binding = session.createBinding();
    for (const [name, data] of Object.entries(feeds)) {
      const input = own(data);
      this.#inputs.set(name, input);
      this.#binding.bindInput(name, input.tensor);
      this.set(name, data);
    }
    for (const { name } of session.outputs) this.#binding.bindOutputToHost(name);
  }

  /** Changes an input for the following runs. */
  set(name: string, { bytes }: TensorData): void {
    const input = this.#inputs.get(name);
    if (input === undefined) throw new Error(`the session is fed no ${name}`);
    input.memory.bytes().set(bytes);
  }

  /** Runs the session and returns all outputs. The next run may overwrite them. */
  async run(): Promise<readonly BoundOutput[]> {
    await this.#session.run(this.#binding);
    if (this.#outputs.size === 0) return this.#bindOutputs(this.#binding.outputs());
    return [...this.#outputs].map(([name, { tensor, memory }]) => {
      const { dtype, shape } = tensor;
      return { name, tensor: { dtype, shape, bytes: memory.bytes() } };
    });
  }

  #bindOutputs(outputs: readonly BoundOutput[]): readonly BoundOutput[] {
    for (const { name, tensor } of outputs) {
      const output = own(tensor);
      this.#outputs.set(name, output);
      this.#binding.bindOutput(name, output.tensor);
    }
    return outputs;
  }

  [Symbol.dispose](): void {
    this.#binding.dispose();
    for (const { tensor, memory } of [...this.#inputs.values(), ...this.#outputs.values()]) {
      tensor.dispose();
      memory.dispose();
    }
  }
}

function own({ dtype, shape }: TensorData): Owned {
  const memory = NativeMemory.allocate(byteLength(dtype, shape));
  return { memory, tensor: OrtTensor.over(memory, dtype, shape) };
}
