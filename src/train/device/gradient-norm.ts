import { ResourceStack } from '../../core/index.ts';
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
  readonly #own: ResourceStack;
  readonly #sessions: readonly [norm: Session, sum: Session];
  readonly #bindings: readonly [norm: IoBinding, sum: IoBinding];
  readonly #result: NativeMemory;

  static async open(environment: Environment, length: number): Promise<GradientNorm> {
    const own = new ResourceStack();
    try {
      const norm = own.use(await environment.createSession(normGraph(length)));
      const sum = own.use(await environment.createSession(sumGraph(length)));
      const bindings = [own.use(norm.createBinding()), own.use(sum.createBinding())] as const;
      const memory = own.use(NativeMemory.allocate(4));
      using result = OrtTensor.over(memory, 'float32', []);
      bindings[0].bindOutput('square_sum', result);
      return new GradientNorm({ own, sessions: [norm, sum], bindings, result: memory });
    } catch (error) {
      own.dispose();
      throw error;
    }
  }

  private constructor(parts: {
    readonly own: ResourceStack;
    readonly sessions: readonly [norm: Session, sum: Session];
    readonly bindings: readonly [norm: IoBinding, sum: IoBinding];
    readonly result: NativeMemory;
  }) {
    this.#own = parts.own;
    this.#sessions = parts.sessions;
    this.#bindings = parts.bindings;
    this.#result = parts.result;
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
    this.#own.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
