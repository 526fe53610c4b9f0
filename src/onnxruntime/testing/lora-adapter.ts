import { ort, receive } from '../ffi/ort.ts';
import { handle, NativeHandle, NativeMemory, pointer, type Pointer } from '../../native/index.ts';

/**
 * An adapter as ONNX Runtime itself knows them: the content of an .onnx_adapter file, given to the inputs of its names in
 * each run that takes it. The library copies the bytes.
 */
export class LoraAdapter {
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /** @throws EspalierError ORT_FAILED where the bytes are no sound .onnx_adapter file */
  static fromBytes(bytes: Uint8Array): LoraAdapter {
    return new LoraAdapter(bytes);
  }

  private constructor(content: Uint8Array) {
    const { api } = ort();
    using memory = NativeMemory.allocate(content.byteLength);
    memory.bytes().set(content);
    // WHY no allocator: with one, the library copies the weights to that allocator's device, and here that is the host.
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
