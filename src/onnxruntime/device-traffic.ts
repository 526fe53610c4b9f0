/** Bytes that were copied between the memory of the host and that of a device, since the process began. */
export interface DeviceTraffic {
  readonly toDevice: number;
  readonly toHost: number;
}

// WHY module state: a process has one device, whichever sessions use it.
let [toDevice, toHost] = [0, 0];

/**
 * What runs and copies have moved between host and device: inputs and outputs whose memory is on the other side, and the copies of
 * `DeviceMemory`. Not counted are weights, what ONNX Runtime moves within a run for nodes on the CPU, and outputs that a run allocates.
 */
export function deviceTraffic(): DeviceTraffic {
  return { toDevice, toHost };
}

export function countToDevice(bytes: number): void {
  toDevice += bytes;
}

export function countToHost(bytes: number): void {
  toHost += bytes;
}
