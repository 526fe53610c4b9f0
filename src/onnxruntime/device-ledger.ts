import { EspalierError, option, optionText } from '../core/index.ts';

/** What memory of a device is for: the weights of sessions, `DeviceMemory`, or copies of the inputs that bindings have on the host. */
export type DeviceUse = 'weights' | 'memory' | 'inputs';

/** Bytes of device memory that a process holds, by what they are for. */
export type DeviceHeld = Readonly<Record<DeviceUse | 'total', number>>;

export interface DeviceTake {
  readonly use: DeviceUse;
  readonly bytes: number;
  /** What they are for, for the error. */
  readonly what: string;
}

/**
 * Counts what Espalier holds on a device, and refuses what would exceed a limit before it is allocated. Not counted are intermediate
 * results of runs, outputs that a run copies to the host, and what the driver and ONNX Runtime keep for themselves.
 */
export class DeviceLedger {
  /** Bytes; undefined for as many as the device gives. */
  limit: number | undefined;
  readonly #held: Record<DeviceUse, number> = { weights: 0, memory: 0, inputs: 0 };

  /** @throws EspalierError DEVICE_MEMORY; then nothing was counted */
  take({ use, bytes, what }: DeviceTake): void {
    const { total: held } = this.held();
    if (this.limit !== undefined && held + bytes > this.limit) {
      const reason = optionText(option('deviceMemory'), ` is ${this.limit} bytes`);
      throw new EspalierError('DEVICE_MEMORY', { what, bytes, held, reason });
    }
    this.#held[use] += bytes;
  }

  giveBack(use: DeviceUse, bytes: number): void {
    this.#held[use] -= bytes;
  }

  /** Takes bytes for what `allocate` gives. If it throws, they are given back. */
  counted<T>(taken: DeviceTake, allocate: () => T): T {
    this.take(taken);
    try {
      return allocate();
    } catch (error) {
      this.giveBack(taken.use, taken.bytes);
      throw error;
    }
  }

  held(): DeviceHeld {
    const { weights, memory, inputs } = this.#held;
    return { weights, memory, inputs, total: weights + memory + inputs };
  }
}

// WHY module state: the memory of a device is one, whichever sessions use it.
export const deviceLedger = new DeviceLedger();

/** Bytes of device memory that Espalier holds in this process. See `DeviceLedger` for what is not counted. */
export function deviceHeld(): DeviceHeld {
  return deviceLedger.held();
}
