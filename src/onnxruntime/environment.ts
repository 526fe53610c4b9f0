import { EspalierError } from '../core/index.ts';
import { ort, receive } from './ffi/ort.ts';
import { handle, liveHandles, NativeHandle, NativeMemory, pointer, type Pointer } from '../native/index.ts';
import { Session } from './session.ts';
import { DeviceLane } from './device-lane.ts';
import { providers, type ExecutionProvider, type ProviderOptions } from './provider.ts';
import { createSessionOptions, type SessionOptions } from './session-options.ts';

export interface EnvironmentOptions {
  /** Number of threads that share the work of one operator, including the calling thread. */
  readonly threads: number;
  /** The level of messages that ONNX Runtime prints to stderr. Default: fatal errors. All other errors reach the caller as ORT_FAILED. */
  readonly logLevel?: LogLevel;
  /**
   * Lets threads wait for work in a busy loop during a run. This is faster on a machine without other work, and many times slower where
   * more wants to run than there are cores. Default: off.
   */
  readonly spinning?: boolean;
  /** Where sessions run that do not say it themselves. Default: on the CPU. */
  readonly provider?: ExecutionProvider;
  /** Options of the provider, by ONNX Runtime's names. */
  readonly providerOptions?: ProviderOptions;
  /** Treats subnormal floats as zero, which avoids slow arithmetic. Default: off. */
  readonly denormalsAsZero?: boolean;
}

export type LogLevel = 'verbose' | 'info' | 'warning' | 'error' | 'fatal';

const logLevels: readonly LogLevel[] = ['verbose', 'info', 'warning', 'error', 'fatal'];

/**
 * Opens ONNX Runtime with one thread pool for all sessions. A process has one environment at a time.
 *
 * @throws EspalierError OPTION_INVALID, ENVIRONMENT_OPEN, and for a missing or unusable library ORT_LIBRARY_MISSING,
 *   ORT_PLATFORM_UNSUPPORTED, ORT_LIBRARY_UNUSABLE, ORT_VERSION_TOO_OLD
 */
export function openEnvironment(options: EnvironmentOptions): Environment {
  const { threads, logLevel = 'fatal' } = options;
  if (!Number.isSafeInteger(threads) || threads < 1) {
    throw new EspalierError('OPTION_INVALID', { name: 'threads', expected: 'an integer from 1', actual: threads });
  }
  if (!logLevels.includes(logLevel)) {
    const expected = logLevels.join(', ');
    throw new EspalierError('OPTION_INVALID', { name: 'logLevel', expected, actual: String(logLevel) });
  }
  const { provider = 'cpu' } = options;
  if (!providers.includes(provider)) {
    const expected = providers.join(', ');
    throw new EspalierError('OPTION_INVALID', { name: 'provider', expected, actual: String(provider) });
  }
  if ('environment' in liveHandles()) throw new EspalierError('ENVIRONMENT_OPEN', {});
  return new Environment(createNative(options, logLevels.indexOf(logLevel)), options);
}

type ResolvedOptions = SessionOptions & { readonly provider: ExecutionProvider };

/** Between runs the threads sleep, so an idle process uses no processor time. */
const stopSpinning = { 'session.force_spinning_stop': '1' };

/** ONNX Runtime with its thread pool. It creates sessions. */
export class Environment {
  readonly threads: number;
  readonly spinning: boolean;
  /** Where sessions run that do not say it themselves. */
  readonly provider: ExecutionProvider;
  /** The order of the operations on the device of a provider. @internal */
  readonly lane = new DeviceLane();
  readonly #providerOptions: ProviderOptions;
  /** Version of the library. */
  readonly version: string;
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /** Use `openEnvironment()`. Takes ownership of `native`. */
  constructor(native: Pointer, { threads, spinning, provider, providerOptions }: EnvironmentOptions) {
    const { api, version } = ort();
    this.threads = threads;
    this.spinning = spinning === true;
    this.provider = provider ?? 'cpu';
    this.#providerOptions = providerOptions ?? {};
    this.version = version;
    this[pointer] = native;
    this[handle] = new NativeHandle('environment', () => api.ReleaseEnv(native));
  }

  /**
   * Loads a model from the bytes of an ONNX file, on another thread. The bytes may be changed afterwards. The files of its external
   * weights must not change until the session is disposed.
   *
   * @throws EspalierError ORT_FAILED if the model is broken or its weights are missing, PROVIDER_UNAVAILABLE, OPTION_INVALID, DISPOSED
   */
  async createSession(model: Uint8Array, given: SessionOptions = {}): Promise<Session> {
    this[handle].assertOpen();
    const providerOptions = { ...this.#providerOptions, ...given.providerOptions };
    const options = { provider: this.provider, ...given, providerOptions };
    if (options.provider === 'cpu') return this.#createSession(model, options);
    const bytes = model.slice();
    return this.lane.run(() => this.#createSession(bytes, options));
  }

  async #createSession(model: Uint8Array, options: ResolvedOptions): Promise<Session> {
    const { api } = ort();
    const settings = createSessionOptions(
      this.spinning ? { ...options, config: { ...stopSpinning, ...options.config } } : options,
    );
    // WHY native memory: another thread reads the model and writes the result after this function has returned.
    using bytes = NativeMemory.allocate(model.byteLength);
    using result = NativeMemory.allocate(8);
    bytes.bytes().set(model);
    this[handle].hold();
    try {
      const [data, size] = [bytes[pointer], model.byteLength];
      await api.async.CreateSessionFromArray(this[pointer], data, size, settings, result[pointer]);
      const native = BigInt.asUintN(64, result.bigInt64()[0] ?? 0n);
      return this.#sessionOf(native, options);
    } finally {
      api.ReleaseSessionOptions(settings);
      this[handle].letGo();
    }
  }

  #sessionOf(native: Pointer, { provider, profilePrefix, initializers, placed }: ResolvedOptions): Session {
    try {
      const kept = [initializers, placed].flatMap((each) => [...(each?.values() ?? [])]);
      const facts = { profiling: profilePrefix !== undefined, provider, initializers: kept };
      return new Session(native, this, facts);
    } catch (error) {
      // WHY: the environment may have been disposed while the model was loaded.
      ort().api.ReleaseSession(native);
      throw error;
    }
  }

  /** Idempotent. Takes effect when all of its sessions have been released. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function createNative(options: EnvironmentOptions, logLevel: number): Pointer {
  const { api } = ort();
  const threading = receive((out) => api.CreateThreadingOptions(out));
  try {
    api.SetGlobalIntraOpNumThreads(threading, options.threads);
    // WHY one: graphs run their operators in sequence, and each operator uses all threads of the other pool.
    api.SetGlobalInterOpNumThreads(threading, 1);
    api.SetGlobalSpinControl(threading, options.spinning === true ? 1 : 0);
    if (options.denormalsAsZero === true) api.SetGlobalDenormalAsZero(threading);
    return receive((out) => api.CreateEnvWithGlobalThreadPools(logLevel, 'espalier', threading, out));
  } finally {
    api.ReleaseThreadingOptions(threading);
  }
}
