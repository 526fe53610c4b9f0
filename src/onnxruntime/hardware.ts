import { ort, receive } from './ffi/ort.ts';
import { readPointers } from './ffi/read-native.ts';
import { pointer, type Pointer } from '../native/index.ts';
import { providerOf, type ExecutionProvider } from './provider.ts';

/** A device that ONNX Runtime has found for a provider. */
export interface HardwareDevice {
  readonly provider: ExecutionProvider;
  readonly kind: 'cpu' | 'gpu' | 'npu';
  /** What the system says of the vendor; it may be empty. */
  readonly vendor: string;
  /** The number that the vendor gave this model. */
  readonly deviceId: number;
}

/** OrtHardwareDeviceType, by value. */
const kinds = ['cpu', 'gpu', 'npu'] as const;

/**
 * The hardware that ONNX Runtime has found for the providers of the library. A software driver of a GPU is no hardware, and not among
 * them.
 * @throws EspalierError ORT_VERSION_TOO_OLD
 */
export function hardwareDevices(environment: { readonly [pointer]: Pointer }): HardwareDevice[] {
  const { api } = ort();
  const count = new BigUint64Array(1);
  const devices = receive((out) => api.GetEpDevices(environment[pointer], out, count));
  return readPointers(devices, Number(count[0])).flatMap((each) => {
    const provider = providerOf(api.EpDevice_EpName(each));
    const device = api.EpDevice_Device(each);
    const kind = kinds[api.HardwareDevice_Type(device)];
    if (provider === undefined || kind === undefined) return [];
    return [
      { provider, kind, vendor: api.HardwareDevice_Vendor(device), deviceId: api.HardwareDevice_DeviceId(device) },
    ];
  });
}
