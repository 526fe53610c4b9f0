import { ort, receive } from '../ffi/ort.ts';
import { handle, NativeHandle, NativeMemory, pointer, type Pointer } from '../../native/index.ts';

/**
 * An adapter of ONNX Runtime itself: the content of an .onnx_adapter file. A run with the adapter gets its tensors as inputs of the same
 * names. The library copies the bytes.
 */
export class LoraAdapter {
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /** @throws EspalierError ORT_FAILED if the bytes are not a valid .onnx_adapter file */
  static fromBytes(bytes: Uint8Array): LoraAdapter {
    return new LoraAdapter(bytes);
  }

  private constructor(content: Uint8Array) {
    const { api } = ort();
    using memory = NativeMemory.allocate(content.byteLength);
    memory.bytes().set(content);
    // WHY no allocator: with one, the library copies the weights to the allocator's device, which here is the host itself.
    const noAllocator = 0n;
    const native = receive((out) =>
      api.CreateLoraAdapterFromArray(memory[pointer], content.byteLength, noAllocator, out),
    );
    this[pointer] = native;
    this[handle] = new NativeHandle('loraAdapter', () => api.ReleaseLoraAdapter(native));
  }

  /** Idempotent. Takes effect when the runs that use it have ended. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
