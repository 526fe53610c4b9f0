import { EspalierError } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor } from '../../onnxruntime/index.ts';
import { elementCount } from '../../tensor/index.ts';

/** A trainable tensor, always f32. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The place of a parameter in the flat array: elements [start, end). */
export interface ParameterEntry extends ParameterSpec {
  readonly start: number;
  readonly end: number;
}

/** Elements in 64 bytes: a cache line, and the widest vector load. */
export const alignment = 16;

/**
 * One flat f32 array with every parameter (or every gradient) of a training, each aligned to 64 bytes. The session reads and writes it
 * in place. The optimizer updates it as a whole. The gaps between tensors stay 0.
 */
export class ParameterArena implements Disposable {
  readonly entries: readonly ParameterEntry[];
  /** Every element, gaps included. */
  readonly flat: Float32Array;
  readonly #memory: NativeMemory;
  readonly #tensors = new Map<string, OrtTensor>();

  /**
   * @param memory  what an earlier run left of the same parameters; it is used as it is, and taken over. Default: zeros.
   * @throws EspalierError TRAIN_STATE_MISMATCH if its size is that of other parameters
   */
  constructor(specs: readonly ParameterSpec[], memory?: NativeMemory) {
    let next = 0;
    this.entries = specs.map(({ name, shape }) => {
      const start = next;
      const end = start + elementCount(shape);
      next = Math.ceil(end / alignment) * alignment;
      return { name, shape, start, end };
    });
    const byteLength = next * Float32Array.BYTES_PER_ELEMENT;
    if (memory !== undefined && memory.byteLength !== byteLength) {
      const [expected, actual] = [`${byteLength} bytes`, `${memory.byteLength} bytes`];
      memory.dispose();
      throw new EspalierError('TRAIN_STATE_MISMATCH', { what: 'parameters', expected, actual });
    }
    this.#memory = memory ?? NativeMemory.allocate(byteLength);
    this.flat = this.#memory.float32(0, next);
    for (const { name, shape, start } of this.entries) {
      this.#tensors.set(name, OrtTensor.over(this.#memory, 'float32', shape, start * Float32Array.BYTES_PER_ELEMENT));
    }
  }

  /** The native tensor over a parameter's place. */
  tensor(name: string): OrtTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new EspalierError('TRAIN_NO_PARAMETER', { name });
    return tensor;
  }

  /** A parameter's elements: a view, valid until the arena is disposed. */
  view({ start, end }: ParameterEntry): Float32Array {
    return this.flat.subarray(start, end);
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
