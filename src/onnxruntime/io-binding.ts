import { EspalierError } from '../core/index.ts';
import { byteLength, type TensorData } from '../tensor/index.ts';
import { ort, receive } from './ffi/ort.ts';
import { handle, NativeHandle, pointer, type Pointer } from '../native/index.ts';
import { assertFits, findValue } from './binding-checks.ts';
import { readBoundOutputs } from './bound-outputs.ts';
import { OrtTensor, type TensorMemory } from './ort-tensor.ts';
import type { StringTensor } from './string-tensor.ts';
import type { DeviceLane } from './device-lane.ts';
import { deviceLedger } from './device-ledger.ts';
import { countToDevice, countToHost } from './device-traffic.ts';
import type { ValueInfo } from './value-info.ts';

/** The properties of a session that a binding needs. */
export interface BindingParent {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** The inputs that the session reads on its device. */
  readonly deviceInputs: ReadonlySet<string>;
  /** The outputs that the session writes on its device. */
  readonly deviceOutputs: ReadonlySet<string>;
  /** undefined for a session on the CPU. */
  readonly lane: DeviceLane | undefined;
  readonly [pointer]: Pointer;
  readonly [handle]: NativeHandle;
}

/** The name of an output and a copy of its data. */
export interface BoundOutput {
  readonly name: string;
  readonly tensor: TensorData;
}

/**
 * The tensors that a session reads and writes in a run, bound to inputs and outputs by name. Bindings stay from run to run: write new
 * values to the same memory, and run again. A binding serves one run at a time; simultaneous runs need a binding each.
 */
export class IoBinding {
  readonly #parent: BindingParent;
  readonly #inputs = new Map<string, NativeHandle>();
  /** undefined for an output that ONNX Runtime allocates in each run. */
  readonly #outputs = new Map<string, NativeHandle | undefined>();
  /** The inputs that the session reads in another place than they are in, by name. Runs copy them. */
  readonly #copied = new Map<string, CopiedInput>();
  /** Bytes of the copies on the device that runs have made of inputs on the host, by name. */
  readonly #copies = new Map<string, number>();
  /** The bytes of each output that the session writes on its device and the caller reads on the host. Runs copy them. */
  readonly #fetched = new Map<string, number>();
  #busy = false;
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /** Use `session.createBinding()`. */
  constructor(parent: BindingParent) {
    parent[handle].assertOpen();
    const { api } = ort();
    const binding = receive((out) => api.CreateIoBinding(parent[pointer], out));
    this.#parent = parent;
    this[pointer] = binding;
    const { lane } = parent;
    const release = (): void => this.#release();
    this[handle] = new NativeHandle('binding', () => (lane ? lane.soon(release) : release()), [parent[handle]]);
  }

  /**
   * Binds an input to the memory of a tensor. A tensor that was bound to this name before is released.
   *
   * @param versionOf  says which version of its contents the tensor has. On a device, a run then copies it only if the version is another
   *   one than that of the last copy. By default each run copies it, because its contents may be others
   * @throws EspalierError BINDING_NAME_UNKNOWN, BINDING_MISMATCH for another dtype or shape, BINDING_BUSY, DISPOSED
   */
  bindInput(name: string, tensor: OrtTensor<TensorMemory> | StringTensor, versionOf?: () => number): void {
    this.#assertFree();
    assertFits(findValue('input', name, this.#parent.inputs), tensor);
    tensor[handle].assertOpen();
    this.#copied.delete(name);
    const isOnDevice = tensor instanceof OrtTensor && tensor.isOnDevice;
    if (isOnDevice === this.#parent.deviceInputs.has(name)) {
      ort().api.BindInput(this[pointer], name, tensor[pointer]);
      this.#giveBackCopy(name);
    } else {
      const bytes = tensor instanceof OrtTensor ? byteLength(tensor.dtype, tensor.shape) : 0;
      this.#copied.set(name, { value: tensor[pointer], bytes, isOnDevice, versionOf, version: undefined });
    }
    replace(this.#inputs, name, tensor[handle]);
  }

  /**
   * Binds an output to the memory of a tensor. The shape must be that of the output in the run.
   *
   * @throws the errors of `bindInput`
   */
  bindOutput(name: string, tensor: OrtTensor<TensorMemory>): void {
    this.#assertFree();
    assertFits(findValue('output', name, this.#parent.outputs), tensor);
    tensor[handle].assertOpen();
    ort().api.BindOutput(this[pointer], name, tensor[pointer]);
    this.#fetched.delete(name);
    if (this.#parent.deviceOutputs.has(name) && !tensor.isOnDevice)
      this.#fetched.set(name, byteLength(tensor.dtype, tensor.shape));
    replace(this.#outputs, name, tensor[handle]);
  }

  /** Lets ONNX Runtime allocate an output in each run, with any shape. Read it with `outputs()`. */
  bindOutputToHost(name: string): void {
    this.#assertFree();
    findValue('output', name, this.#parent.outputs);
    const { api, hostMemory } = ort();
    api.BindOutputToDevice(this[pointer], name, hostMemory);
    this.#fetched.delete(name);
    replace(this.#outputs, name, undefined);
  }

  /** The bound outputs of the last run in the order in which they were bound, copied. */
  outputs(): BoundOutput[] {
    this.#assertFree();
    return readBoundOutputs(this[pointer], [...this.#outputs.keys()]);
  }

  clearInputs(): void {
    this.#assertFree();
    ort().api.ClearBoundInputs(this[pointer]);
    this.#giveBackCopies();
    this.#copied.clear();
    letAllGo(this.#inputs);
  }

  clearOutputs(): void {
    this.#assertFree();
    ort().api.ClearBoundOutputs(this[pointer]);
    this.#fetched.clear();
    letAllGo(this.#outputs);
  }

  /**
   * Claims the binding for a run. The caller releases it with `endRun()`.
   *
   * @internal
   * @throws EspalierError BINDING_BUSY, BINDING_INCOMPLETE, DISPOSED
   */
  beginRun(): void {
    this.#assertFree();
    const missing = this.#parent.inputs.filter(({ name }) => !this.#inputs.has(name)).map(({ name }) => name);
    if (this.#outputs.size === 0) missing.push('any output');
    if (missing.length > 0) throw new EspalierError('BINDING_INCOMPLETE', { names: missing });
    this.#forgetHostOutputs();
    this[handle].hold();
    this.#busy = true;
  }

  /**
   * Copies the inputs that the session reads in another place than they are in, and counts what the run copies. WHY in each run: the
   * library copies them when they are bound, and the caller has written to their memory since.
   *
   * @internal
   * @throws EspalierError DEVICE_MEMORY
   */
  copyInputs(): void {
    const { api } = ort();
    for (const [name, input] of this.#copied) {
      const version = input.versionOf?.();
      if (version !== undefined && version === input.version) continue;
      if (!input.isOnDevice) this.#countCopy(name, input.bytes);
      api.BindInput(this[pointer], name, input.value);
      input.version = version;
      (input.isOnDevice ? countToHost : countToDevice)(input.bytes);
    }
    for (const bytes of this.#fetched.values()) countToHost(bytes);
  }

  /** @internal */
  endRun(): void {
    this.#busy = false;
    this[handle].letGo();
  }

  /** @internal */
  belongsTo(parent: BindingParent): boolean {
    return this.#parent === parent;
  }

  /** Idempotent. During a run it takes effect when the run ends. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertFree(): void {
    this[handle].assertOpen();
    if (this.#busy) throw new EspalierError('BINDING_BUSY', {});
  }

  /** WHY: the library keeps the output that a run allocated, and would require the same shape in the next run. */
  #forgetHostOutputs(): void {
    const { api, hostMemory } = ort();
    for (const [name, bound] of this.#outputs) {
      if (bound === undefined) api.BindOutputToDevice(this[pointer], name, hostMemory);
    }
  }

  /** WHY the difference: the library gives the copy before it back as soon as it has this one. */
  #countCopy(name: string, bytes: number): void {
    const before = this.#copies.get(name) ?? 0;
    if (bytes > before) deviceLedger.take({ use: 'inputs', bytes: bytes - before, what: `the input ${name}` });
    else deviceLedger.giveBack('inputs', before - bytes);
    this.#copies.set(name, bytes);
  }

  #giveBackCopy(name: string): void {
    deviceLedger.giveBack('inputs', this.#copies.get(name) ?? 0);
    this.#copies.delete(name);
  }

  #giveBackCopies(): void {
    for (const name of this.#copies.keys()) this.#giveBackCopy(name);
  }

  #release(): void {
    ort().api.ReleaseIoBinding(this[pointer]);
    this.#giveBackCopies();
    letAllGo(this.#inputs);
    letAllGo(this.#outputs);
  }
}

interface CopiedInput {
  readonly value: Pointer;
  readonly bytes: number;
  readonly isOnDevice: boolean;
  readonly versionOf: (() => number) | undefined;
  /** The version of the last copy. */
  version: number | undefined;
}

type Held = Map<string, NativeHandle> | Map<string, NativeHandle | undefined>;

/** Retains the new tensor before it releases the old one, because both may share a memory. */
function replace<Value extends NativeHandle | undefined>(bound: Map<string, Value>, name: string, next: Value): void {
  next?.hold();
  const previous = bound.get(name);
  bound.set(name, next);
  previous?.letGo();
}

function letAllGo(bound: Held): void {
  for (const held of bound.values()) held?.letGo();
  bound.clear();
}
