import { EspalierError } from '../core/index.ts';
import { handle, NativeHandle, NativeMemory, pointer, type Pointer } from '../native/index.ts';
import { dataTypeNumber } from '../tensor/index.ts';
import type { DeviceLane } from './device-lane.ts';
import { deviceLedger } from './device-ledger.ts';
import { countToDevice, countToHost } from './device-traffic.ts';
import { ort, receive } from './ffi/ort.ts';
import type { ValueInfo } from './value-info.ts';

/** The memory of a session's device. */
export interface DeviceHeap {
  /** OrtMemoryInfo of the device. The session owns it. */
  readonly info: Pointer;
  readonly environment: Pointer;
  readonly lane: DeviceLane;
  /** The names of the inputs that the session reads there. */
  readonly inputs: ReadonlySet<string>;
  /** The names of the outputs that the session writes there. */
  readonly outputs: ReadonlySet<string>;
  readonly allocator: Pointer;
  /** Must be called before the session is released. */
  release(): void;
}

export interface HeapPlace {
  readonly environment: Pointer;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly lane: DeviceLane;
}

/** @returns undefined if the session reads all of its inputs on the CPU */
export function deviceMemoryOf(
  session: Pointer,
  { environment, inputs, outputs, lane }: HeapPlace,
): DeviceHeap | undefined {
  const { api } = ort();
  const onDevice = (values: readonly ValueInfo[], read: (infos: BigUint64Array) => void) => {
    const infos = new BigUint64Array(values.length);
    read(infos);
    return values.flatMap(({ name }, i) => {
      const info = infos[i] ?? 0n;
      return info !== 0n && isDevice(info) ? [{ name, info }] : [];
    });
  };
  const read = onDevice(inputs, (infos) => api.SessionGetMemoryInfoForInputs(session, infos, infos.length));
  const written = onDevice(outputs, (infos) => api.SessionGetMemoryInfoForOutputs(session, infos, infos.length));
  const [first] = read;
  if (first === undefined) return undefined;
  const { info } = first;
  const allocator = receive((out) => api.CreateAllocator(session, info, out));
  const [names, outputNames] = [read, written].map((values) => new Set(values.map(({ name }) => name)));
  const sets = { inputs: names ?? new Set(), outputs: outputNames ?? new Set() };
  return { info, environment, lane, ...sets, allocator, release: () => api.ReleaseAllocator(allocator) };
}

/** WHY: with more the driver of the tests ended the process, or copied nothing. */
const largestBytes = 2 ** 31;

/** OrtMemoryInfoDeviceType_CPU is 0. */
function isDevice(info: Pointer): boolean {
  const type = new Int32Array(1);
  ort().api.MemoryInfoGetDeviceType(info, type);
  return type[0] !== 0;
}

export interface DeviceAllocation {
  readonly session: NativeHandle;
  readonly byteLength: number;
  /** What it is for, for the error. */
  readonly what: string;
}

/**
 * Memory on a device, which sessions of the same environment and provider can read and write. JavaScript cannot: bytes come and go by
 * copies. Tensors over it begin at its start, since ONNX Runtime's C API has no offsets into the buffers of a device.
 */
export class DeviceMemory {
  readonly byteLength: number;
  /** The address, or for WebGPU the buffer. @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;
  /** @internal */
  readonly heap: DeviceHeap;
  readonly #value: Pointer;

  /** Use `session.allocateOnDevice()`. @throws EspalierError DEVICE_MEMORY */
  static async allocate(heap: DeviceHeap, { session, byteLength, what }: DeviceAllocation): Promise<DeviceMemory> {
    const { api } = ort();
    if (byteLength > largestBytes) {
      const reason = `one buffer may have at most ${largestBytes} bytes`;
      throw new EspalierError('DEVICE_MEMORY', { what, bytes: byteLength, held: deviceLedger.held().total, reason });
    }
    session.hold();
    try {
      const memory = await heap.lane.run(() => {
        const dims = BigInt64Array.of(BigInt(Math.ceil(byteLength / 4)));
        return deviceLedger.counted({ use: 'memory', bytes: byteLength, what }, () => {
          const value = receive((out) =>
            api.CreateTensorAsOrtValue(heap.allocator, dims, 1, dataTypeNumber('float32'), out),
          );
          try {
            return new DeviceMemory(heap, value, { session, byteLength, what });
          } catch (error) {
            api.ReleaseValue(value);
            throw error;
          }
        });
      });
      try {
        using zeros = NativeMemory.allocate(Math.max(4, byteLength));
        await memory.copyFrom(zeros);
      } catch (error) {
        memory.dispose();
        throw error;
      }
      return memory;
    } catch (cause) {
      if (!(cause instanceof EspalierError) || cause.code !== 'ORT_FAILED') throw cause;
      const reason = String(cause.details['reason'] ?? '');
      const held = deviceLedger.held().total;
      throw new EspalierError('DEVICE_MEMORY', { what, bytes: byteLength, held, reason }, { cause });
    } finally {
      session.letGo();
    }
  }

  private constructor(heap: DeviceHeap, value: Pointer, { session, byteLength }: DeviceAllocation) {
    const { api } = ort();
    this.heap = heap;
    this.byteLength = byteLength;
    this.#value = value;
    this[pointer] = receive((out) => api.GetTensorMutableData(value, out));
    const release = (): void => {
      deviceLedger.giveBack('memory', byteLength);
      api.ReleaseValue(value);
    };
    this[handle] = new NativeHandle('deviceMemory', () => heap.lane.soon(release), [session]);
  }

  /** Copies as many bytes as this memory has from the start of a host memory, on another thread. */
  async copyFrom(source: NativeMemory): Promise<void> {
    await this.#copy(source, (host, device) => [host, device]);
    countToDevice(this.byteLength);
  }

  /** Copies its bytes to the start of a host memory, on another thread. */
  async copyTo(target: NativeMemory): Promise<void> {
    await this.#copy(target, (host, device) => [device, host]);
    countToHost(this.byteLength);
  }

  async #copy(
    host: NativeMemory,
    direction: (host: Pointer, device: Pointer) => readonly [from: Pointer, to: Pointer],
  ): Promise<void> {
    const { api, hostMemory } = ort();
    const { environment, lane } = this.heap;
    const bytes = 4 * Math.ceil(this.byteLength / 4);
    host.assertRange('A copy', 0, this.byteLength);
    this[handle].hold();
    host[handle].hold();
    using addresses = NativeMemory.allocate(16);
    try {
      await lane.run(async () => {
        const dims = BigInt64Array.of(BigInt(bytes / 4));
        const value = receive((out) =>
          api.CreateTensorWithDataAsOrtValue(hostMemory, host[pointer], bytes, dims, 1, dataTypeNumber('float32'), out),
        );
        try {
          addresses.bigInt64().set(direction(value, this.#value).map((each) => BigInt.asIntN(64, each)));
          const from = addresses[pointer];
          await api.async.CopyTensors(environment, from, from + 8n, 0n, 1);
        } finally {
          api.ReleaseValue(value);
        }
      });
    } finally {
      host[handle].letGo();
      this[handle].letGo();
    }
  }

  /** Idempotent. Takes effect when no tensor is over it and no run uses it. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
