import { EspalierError, usualSpinUs } from '../core/index.ts';
import { ort, receive } from './ffi/ort.ts';
import { handle, liveHandles, NativeHandle, NativeMemory, pointer, type Pointer } from '../native/index.ts';
import { Session, type SessionFacts } from './session.ts';
import { DeviceLane } from './device-lane.ts';
import { deviceLedger } from './device-ledger.ts';
import { providers, type ExecutionProvider, type ProviderOptions } from './provider.ts';
import { createSessionOptions, type SessionOptions } from './session-options.ts';
import { SpinningPools } from './spinning-pools.ts';

export interface EnvironmentOptions {
  /** Number of threads that share the work of one operator, including the calling thread. */
  readonly threads: number;
  /** The level of messages that ONNX Runtime prints to stderr. Default: fatal errors. All other errors reach the caller as ORT_FAILED. */
  readonly logLevel?: LogLevel;
  /**
   * Microseconds that the threads of a session that asks for it (`spins`) wait in a busy loop for the next operator of a run before they
   * sleep, at most a second. 0: they sleep at once. Default: 50.
   */
  readonly spinUs?: number | undefined;
  /** Where sessions run that do not say it themselves. Default: on the CPU. */
  readonly provider?: ExecutionProvider;
  /** Options of the provider, by ONNX Runtime's names. */
  readonly providerOptions?: ProviderOptions;
  /** Bytes that Espalier may hold on the device of a provider, as `deviceHeld()` counts them. Default: as many as the device gives. */
  readonly deviceMemory?: number | undefined;
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
  const { provider = 'cpu', spinUs = usualSpinUs, deviceMemory = 1 } = options;
  if (!Number.isSafeInteger(deviceMemory) || deviceMemory < 1) {
    throw new EspalierError('OPTION_INVALID', {
      name: 'deviceMemory',
      expected: 'bytes, at least 1',
      actual: deviceMemory,
    });
  }
  if (!Number.isSafeInteger(spinUs) || spinUs < 0 || spinUs > mostSpinUs) {
    throw new EspalierError('OPTION_INVALID', {
      name: 'spinUs',
      expected: `an integer from 0 to ${mostSpinUs}`,
      actual: spinUs,
    });
  }
  if (!providers.includes(provider)) {
    const expected = providers.join(', ');
    throw new EspalierError('OPTION_INVALID', { name: 'provider', expected, actual: String(provider) });
  }
  if ('environment' in liveHandles()) throw new EspalierError('ENVIRONMENT_OPEN', {});
  return new Environment(createNative(options, logLevels.indexOf(logLevel)), { ...options, spinUs });
}

type ResolvedOptions = SessionOptions & { readonly provider: ExecutionProvider };
type LoadOptions = ResolvedOptions & Pick<SessionFacts, 'released'>;

/** A second, which is longer than any run waits. */
const mostSpinUs = 1_000_000;

/** ONNX Runtime with its threads. It creates sessions. */
export class Environment {
  readonly threads: number;
  readonly spinUs: number;
  /** Where sessions run that do not say it themselves. */
  readonly provider: ExecutionProvider;
  /** Bytes that may be held on the device; undefined for as many as it gives. */
  readonly deviceMemory: number | undefined;
  /** The order of the operations on the device of a provider. @internal */
  readonly lane = new DeviceLane();
  readonly #providerOptions: ProviderOptions;
  readonly #pools: SpinningPools;
  /** Version of the library. */
  readonly version: string;
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /** Use `openEnvironment()`. Takes ownership of `native`. */
  constructor(native: Pointer, options: EnvironmentOptions & { readonly spinUs: number }) {
    const { threads, spinUs, provider, providerOptions, deviceMemory, denormalsAsZero = false } = options;
    const { api, version } = ort();
    this.threads = threads;
    this.spinUs = spinUs;
    this.#pools = new SpinningPools({ threads, spinUs, denormalsAsZero }, version);
    this.provider = provider ?? 'cpu';
    this.deviceMemory = deviceMemory;
    deviceLedger.limit = deviceMemory;
    this.#providerOptions = providerOptions ?? {};
    this.version = version;
    this[pointer] = native;
    this[handle] = new NativeHandle('environment', () => api.ReleaseEnv(native));
  }

  /**
   * Loads a model from the bytes of an ONNX file, on another thread. The bytes may be changed afterwards. The files of its external
   * weights must not change until the session is disposed.
   *
   * @throws EspalierError ORT_FAILED if the model is broken or its weights are missing, PROVIDER_UNAVAILABLE, DEVICE_MEMORY if the weights
   *   would exceed what may be held on the device, OPTION_INVALID, DISPOSED
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
    const pool = options.spins === true && options.provider === 'cpu' ? this.#pools.take() : undefined;
    let counted = 0;
    const released = (): void => {
      if (pool) this.#pools.giveBack();
      deviceLedger.giveBack('weights', counted);
    };
    try {
      if (options.provider !== 'cpu') {
        const bytes = options.weightBytes ?? 0;
        deviceLedger.take({ use: 'weights', bytes, what: 'the weights of a model' });
        counted = bytes;
      }
      return await this.#load(model, { ...options, released }, createSessionOptions(options, pool));
    } catch (error) {
      released();
      throw error;
    }
  }

  /** Takes ownership of the settings. */
  async #load(model: Uint8Array, options: LoadOptions, settings: Pointer): Promise<Session> {
    const { api } = ort();
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

  #sessionOf(native: Pointer, options: LoadOptions): Session {
    const { provider, profilePrefix, initializers, placed, released } = options;
    try {
      const kept = [initializers, placed].flatMap((each) => [...(each?.values() ?? [])]);
      const facts = { profiling: profilePrefix !== undefined, provider, initializers: kept, released };
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
    // WHY never: nothing bounds the wait of these threads.
    api.SetGlobalSpinControl(threading, 0);
    if (options.denormalsAsZero === true) api.SetGlobalDenormalAsZero(threading);
    return receive((out) => api.CreateEnvWithGlobalThreadPools(logLevel, 'espalier', threading, out));
  } finally {
    api.ReleaseThreadingOptions(threading);
  }
}
