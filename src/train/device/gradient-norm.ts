import { NativeMemory } from '../../native/index.ts';
import {
  type Environment,
  type IoBinding,
  OrtTensor,
  type Session,
  type TensorMemory,
} from '../../onnxruntime/index.ts';
import { flatTensor } from './flat-memory.ts';
import { normGraph, sumGraph } from './update-graph.ts';

/** Sums and norms of flat gradients f32 [length], computed where they are. */
export class GradientNorm implements Disposable {
  readonly #sessions: readonly [norm: Session, sum: Session];
  readonly #bindings: readonly [norm: IoBinding, sum: IoBinding];
  readonly #result = NativeMemory.allocate(4);

  static async open(environment: Environment, length: number): Promise<GradientNorm> {
    const norm = await environment.createSession(normGraph(length));
    try {
      return new GradientNorm(norm, await environment.createSession(sumGraph(length)));
    } catch (error) {
      norm.dispose();
      throw error;
    }
  }

  private constructor(norm: Session, sum: Session) {
    this.#sessions = [norm, sum];
    this.#bindings = [norm.createBinding(), sum.createBinding()];
    using result = OrtTensor.over(this.#result, 'float32', []);
    this.#bindings[0].bindOutput('square_sum', result);
  }

  async of(gradients: TensorMemory): Promise<number> {
    const [[session], [binding]] = [this.#sessions, this.#bindings];
    using tensor = flatTensor(gradients);
    binding.bindInput('gradients', tensor);
    await session.run(binding);
    return Math.sqrt(this.#result.float32()[0] ?? NaN);
  }

  /** @param sum  another memory than those of both */
  async add(left: TensorMemory, right: TensorMemory, sum: TensorMemory): Promise<void> {
    const [[, session], [, binding]] = [this.#sessions, this.#bindings];
    using a = flatTensor(left);
    using b = flatTensor(right);
    using result = flatTensor(sum);
    binding.bindInput('left', a);
    binding.bindInput('right', b);
    binding.bindOutput('sum', result);
    await session.run(binding);
  }

  dispose(): void {
    for (const each of [...this.#bindings, ...this.#sessions]) each.dispose();
    this.#result.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
