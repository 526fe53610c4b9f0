import { EspalierError } from '../core/index.ts';
import { DeviceMemory, deviceMemoryOf, type DeviceHeap } from './device-memory.ts';
import type { DeviceLane } from './device-lane.ts';
import { ort, receive } from './ffi/ort.ts';
import { handle, NativeHandle, pointer, type Pointer } from '../native/index.ts';
import { readPointers, readText, receiveText } from './ffi/read-native.ts';
import { IoBinding } from './io-binding.ts';
import type { OrtTensor } from './ort-tensor.ts';
import { runBinding, type RunOptions } from './run-binding.ts';
import { providerOf, type ExecutionProvider } from './provider.ts';
import { readInputs, readOutputs, type ValueInfo } from './value-info.ts';

/** The environment of a session. */
export interface SessionParent {
  readonly lane: DeviceLane;
  readonly [pointer]: Pointer;
  readonly [handle]: NativeHandle;
}

export interface SessionFacts {
  readonly profiling: boolean;
  readonly provider: ExecutionProvider;
  /** Weights that the session reads where they lie. */
  readonly initializers?: readonly OrtTensor[];
  /** Called when the session has been released. */
  readonly released?: (() => void) | undefined;
}

const noNames: ReadonlySet<string> = new Set();

/** A node that runs on the CPU, as ONNX Runtime records it. */
export interface AssignedNode {
  readonly name: string;
  readonly opType: string;
}

/** A loaded model. Several runs may execute at once, each with its own binding. */
export class Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly provider: ExecutionProvider;
  /** The order of the operations on the session's device; undefined for a session on the CPU. @internal */
  readonly lane: DeviceLane | undefined;
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;
  readonly #heap: DeviceHeap | undefined;
  #profiling: boolean;

  /** Use `environment.createSession()`. Takes ownership of `native`. */
  constructor(native: Pointer, environment: SessionParent, facts: SessionFacts) {
    const { profiling, provider, initializers = [], released } = facts;
    this[pointer] = native;
    this.provider = provider;
    this.inputs = readInputs(native);
    this.outputs = readOutputs(native);
    this.#profiling = profiling;
    const lane = provider === 'cpu' ? undefined : environment.lane;
    this.lane = lane;
    const place = { environment: environment[pointer], inputs: this.inputs, outputs: this.outputs };
    this.#heap = lane && deviceMemoryOf(native, { ...place, lane });
    const release = (): void => {
      this.#heap?.release();
      ort().api.ReleaseSession(native);
      released?.();
    };
    this[handle] = new NativeHandle('session', () => (lane ? lane.soon(release) : release()), [
      environment[handle],
      ...initializers.map((tensor) => tensor[handle]),
    ]);
  }

  /** The names of the inputs that the session reads on its device. */
  get deviceInputs(): ReadonlySet<string> {
    return this.#heap?.inputs ?? noNames;
  }

  /** The names of the outputs that the session writes on its device. */
  get deviceOutputs(): ReadonlySet<string> {
    return this.#heap?.outputs ?? noNames;
  }

  /**
   * Allocates memory on the session's device, filled with zeros.
   * @returns undefined if the session reads nothing on a device
   * @throws EspalierError DEVICE_MEMORY
   */
  async allocateOnDevice(byteLength: number, what: string): Promise<DeviceMemory | undefined> {
    this[handle].assertOpen();
    return this.#heap && DeviceMemory.allocate(this.#heap, { session: this[handle], byteLength, what });
  }

  /**
   * The nodes that run on the CPU, of a session that records it (`recordsAssignment`). ONNX Runtime records them before it fuses nodes.
   * @throws EspalierError ORT_FAILED if the session does not record it, ORT_VERSION_TOO_OLD
   */
  nodesOnCpu(): AssignedNode[] {
    this[handle].assertOpen();
    const { api } = ort();
    const count = new BigUint64Array(1);
    const parts = receive((out) => api.Session_GetEpGraphAssignmentInfo(this[pointer], out, count));
    return readPointers(parts, Number(count[0])).flatMap((part) => {
      if (providerOf(readText(receive((out) => api.EpAssignedSubgraph_GetEpName(part, out)))) !== 'cpu') return [];
      const nodes = receive((out) => api.EpAssignedSubgraph_GetNodes(part, out, count));
      return readPointers(nodes, Number(count[0])).map((node) => ({
        name: readText(receive((out) => api.EpAssignedNode_GetName(node, out))),
        opType: readText(receive((out) => api.EpAssignedNode_GetOperatorType(node, out))),
      }));
    });
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
    await runBinding(this, binding, options);
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
