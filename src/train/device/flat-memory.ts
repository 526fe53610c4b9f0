import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type TensorMemory } from '../../onnxruntime/index.ts';
import { copyInto } from '../graph/gradients.ts';

/** Allocates memory beside a graph: on its device, or on the host for a graph on the CPU. Filled with zeros. */
export type AllocateFlat = (byteLength: number, what: string) => Promise<TensorMemory>;

/** The tensor f32 [length] over a whole memory. The caller disposes it. */
export function flatTensor(memory: TensorMemory): OrtTensor<TensorMemory> {
  return OrtTensor.over(memory, 'float32', [memory.byteLength / Float32Array.BYTES_PER_ELEMENT]);
}

/** Copies a flat array out of a memory. */
export async function readFlat(memory: TensorMemory, target: Float32Array): Promise<void> {
  if (memory instanceof NativeMemory) return copyInto(target, memory.float32(0, target.length));
  using host = NativeMemory.allocate(memory.byteLength);
  await memory.copyTo(host);
  await copyInto(target, host.float32(0, target.length));
}

/** Copies a flat array into a memory. */
export async function writeFlat(memory: TensorMemory, source: Float32Array): Promise<void> {
  if (memory instanceof NativeMemory) return copyInto(memory.float32(0, source.length), source);
  using host = NativeMemory.allocate(memory.byteLength);
  await copyInto(host.float32(0, source.length), source);
  await memory.copyFrom(host);
}

/**
 * A flat array that a graph reads and writes anew. WHY two memories: a graph on WebGPU may not write what it reads.
 */
export class FlatPair implements Disposable {
  #now: TensorMemory;
  #next: TensorMemory;

  static async allocate(allocate: AllocateFlat, byteLength: number, what: string): Promise<FlatPair> {
    const now = await allocate(byteLength, what);
    try {
      return new FlatPair(now, await allocate(byteLength, what));
    } catch (error) {
      now.dispose();
      throw error;
    }
  }

  private constructor(now: TensorMemory, next: TensorMemory) {
    this.#now = now;
    this.#next = next;
  }

  /** What the array is. */
  get now(): TensorMemory {
    return this.#now;
  }

  /** Where the next one is written. */
  get next(): TensorMemory {
    return this.#next;
  }

  /** Makes the next array the present one. */
  swap(): void {
    [this.#now, this.#next] = [this.#next, this.#now];
  }

  dispose(): void {
    this.#now.dispose();
    this.#next.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
