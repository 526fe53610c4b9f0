import { EspalierError } from '../core/index.ts';
import { ort, receive } from './ffi/ort.ts';
import { readPointers, readText } from './ffi/read-native.ts';
import { textArray } from './ffi/text-array.ts';
import { hasLargeStacks, type Pointer } from '../native/index.ts';

/** The execution providers that Espalier runs graphs on. What one of them lacks runs on the CPU. */
export const providers = ['cpu', 'webgpu', 'cuda'] as const;

export type ExecutionProvider = (typeof providers)[number];

/** Options of a provider by ONNX Runtime's names for them, such as `powerPreference`. */
export type ProviderOptions = Readonly<Record<string, string>>;

/** The names of the providers in ONNX Runtime's own records. */
const recordedNames: Readonly<Record<ExecutionProvider, string>> = {
  cpu: 'CPUExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
  cuda: 'CUDAExecutionProvider',
};

/** The providers that the library was built with. Whether one of them finds a device is another question. */
export function builtProviders(): ReadonlySet<ExecutionProvider> {
  const { api } = ort();
  const count = new Int32Array(1);
  const names = receive((out) => api.GetAvailableProviders(out, count));
  try {
    const built = new Set(readPointers(names, count[0] ?? 0).map(readText));
    return new Set(providers.filter((provider) => built.has(recordedNames[provider])));
  } finally {
    api.ReleaseAvailableProviders(names, count[0] ?? 0);
  }
}

/** The provider that ONNX Runtime calls by this name; undefined for one that Espalier does not use. */
export function providerOf(recorded: string): ExecutionProvider | undefined {
  return providers.find((provider) => recordedNames[provider] === recorded);
}

/**
 * Lets the sessions of these options run on a provider.
 * @throws EspalierError PROVIDER_UNAVAILABLE
 */
export function appendProvider(settings: Pointer, provider: ExecutionProvider, options: ProviderOptions = {}): void {
  if (provider === 'cpu') return;
  if (!builtProviders().has(provider)) {
    throw new EspalierError('PROVIDER_UNAVAILABLE', { provider, reason: notBuilt[provider] });
  }
  if (!hasLargeStacks()) {
    const reason =
      'this program has used koffi before Espalier, with stacks that are too small for compilers of shaders';
    throw new EspalierError('PROVIDER_UNAVAILABLE', { provider, reason });
  }
  using keys = textArray(Object.keys(options));
  using values = textArray(Object.values(options));
  const append = provider === 'webgpu' ? appendWebGpu : appendCuda;
  try {
    append(settings, { keys: keys.start, values: values.start, count: Object.keys(options).length });
  } catch (error) {
    throw unavailable(provider, error);
  }
}

/** The error of a provider that cannot be used, from that of the library. Other errors stay as they are. */
export function unavailable(provider: ExecutionProvider, error: unknown): unknown {
  if (!(error instanceof EspalierError) || error.code !== 'ORT_FAILED') return error;
  return new EspalierError('PROVIDER_UNAVAILABLE', { provider, reason: reasonOf(error) }, { cause: error });
}

const notBuilt = {
  webgpu: 'this build of ONNX Runtime does not have it; that of the package onnxruntime-node has',
  cuda: 'this build of ONNX Runtime does not have it; name one that has in ESPALIER_ORT_LIBRARY',
} as const;

interface NativeOptions {
  readonly keys: Pointer;
  readonly values: Pointer;
  readonly count: number;
}

function appendWebGpu(settings: Pointer, { keys, values, count }: NativeOptions): void {
  ort().api.SessionOptionsAppendExecutionProvider(settings, 'WebGPU', keys, values, count);
}

function appendCuda(settings: Pointer, { keys, values, count }: NativeOptions): void {
  const { api } = ort();
  const own = receive((out) => api.CreateCUDAProviderOptions(out));
  try {
    if (count > 0) api.UpdateCUDAProviderOptions(own, keys, values, count);
    api.SessionOptionsAppendExecutionProvider_CUDA_V2(settings, own);
  } finally {
    api.ReleaseCUDAProviderOptions(own);
  }
}

/**
 * The error of a run on a device: DEVICE_LOST if the library says that the device is lost. If the graph has 16-bit floats and the
 * device's shaders have none, which ONNX Runtime finds out in the first run, it says what to do.
 */
export function runFailure(provider: ExecutionProvider, error: unknown): unknown {
  if (!(error instanceof EspalierError) || error.code !== 'ORT_FAILED') return error;
  const reason = reasonOf(error);
  if (/requires f16 but the device does not support it/.test(reason)) {
    const [operation, ortCode] = [error.details['operation'], error.details['ortCode']].map(String);
    const told = `${reason} Take the model in f32, or run it on the CPU`;
    return new EspalierError(
      'ORT_FAILED',
      { operation: operation ?? '', ortCode: ortCode ?? '', reason: told },
      { cause: error },
    );
  }
  if (!/\b(?:device|context)\b[^.]*\blost\b/i.test(reason)) return error;
  return new EspalierError('DEVICE_LOST', { provider, reason }, { cause: error });
}

function reasonOf({ details }: EspalierError): string {
  // WHY cut: what the library asserts in its sources says nothing to a user.
  return String(details['reason'] ?? '').replace(/^.* was false\. /s, '');
}
