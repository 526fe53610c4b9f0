import { EspalierError } from '../core/index.ts';
import { ort } from './ffi/ort.ts';
import { handle, NativeHandle, pointer, type Pointer } from '../native/index.ts';
import { receiveText } from './ffi/read-native.ts';
import { IoBinding } from './io-binding.ts';
import { runBinding, type RunOptions } from './run-binding.ts';
import { readInputs, readOutputs, type ValueInfo } from './value-info.ts';

/** A loaded model. Several runs may execute at once, each with its own binding. */
export class Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;
  #profiling: boolean;

  /** Use `environment.createSession()`. Takes ownership of `native`. */
  constructor(native: Pointer, environment: NativeHandle, profiling: boolean) {
    this[pointer] = native;
    this.inputs = readInputs(native);
    this.outputs = readOutputs(native);
    this.#profiling = profiling;
    this[handle] = new NativeHandle('session', () => ort().api.ReleaseSession(native), [environment]);
  }

  createBinding(): IoBinding {
    return new IoBinding(this);
  }

  /**
   * Runs the model on the bound tensors. The event loop is not blocked, and the process stays alive during the run. After an abort, the
   * session and the binding can be used again; the content of the outputs is undefined.
   *
   * @throws EspalierError BINDING_INCOMPLETE, BINDING_BUSY, ORT_FAILED, DISPOSED; the signal's reason when aborted
   */
  async run(binding: IoBinding, options: RunOptions = {}): Promise<void> {
    this[handle].assertOpen();
    if (!binding.belongsTo(this)) {
      const expected = 'a binding that this session made';
      throw new EspalierError('BINDING_MISMATCH', { name: 'binding', expected, actual: 'one of another session' });
    }
    await runBinding(this[pointer], binding, options);
  }

  /** Writes the trace of a session with `profilePrefix`. @returns its path, or undefined if there is no trace or it was written before */
  endProfiling(): string | undefined {
    this[handle].assertOpen();
    if (!this.#profiling) return undefined;
    this.#profiling = false;
    const { api, allocator } = ort();
    return receiveText((out) => api.SessionEndProfiling(this[pointer], allocator, out));
  }

  /** Idempotent. Takes effect when its bindings are disposed and its runs have ended. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
