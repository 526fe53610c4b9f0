import { NativeMemory } from '../../native/index.ts';
import { type IoBinding, OrtTensor } from '../../onnxruntime/index.ts';
import type { TensorData } from '../../tensor/index.ts';

type Feeds = ReadonlyMap<string, TensorData>;

/** The memory from which a session reads its batches. It is kept from run to run, and grows by half. */
export class BatchMemory implements Disposable {
  #memory: NativeMemory | undefined;

  /** Copies a batch into the memory, and binds it. It stays there until the next batch. */
  bind(binding: IoBinding, feeds: Feeds): void {
    const places = placesOf(feeds);
    const memory = this.#memoryFor(places.at(-1)?.end ?? 0);
    for (const { name, data, start } of places) {
      memory.bytes(start, data.bytes.byteLength).set(data.bytes);
      using tensor = OrtTensor.over(memory, data.dtype, data.shape, start);
      binding.bindInput(name, tensor);
    }
  }

  #memoryFor(bytes: number): NativeMemory {
    if (this.#memory !== undefined && this.#memory.byteLength >= bytes) return this.#memory;
    this.#memory?.dispose();
    this.#memory = NativeMemory.allocate(Math.ceil(bytes * 1.5));
    return this.#memory;
  }

  dispose(): void {
    this.#memory?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Place {
  readonly name: string;
  readonly data: TensorData;
  readonly start: number;
  readonly end: number;
}

/** The offsets of a batch's tensors in one piece of memory, each aligned to 64 bytes. */
function placesOf(feeds: Feeds): Place[] {
  let next = 0;
  return [...feeds].map(([name, data]) => {
    const start = next;
    const end = start + data.bytes.byteLength;
    next = Math.ceil(end / 64) * 64;
    return { name, data, start, end };
  });
}
