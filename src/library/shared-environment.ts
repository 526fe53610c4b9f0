import { decideThreads, EspalierError } from '../core/index.ts';
import { openChosenEnvironment, type ProviderChoice } from '../execution/index.ts';
import type { Environment } from '../onnxruntime/index.ts';

/** A share of the one environment of the process. Dispose it after everything that was made from it. */
export interface EnvironmentShare extends Disposable {
  readonly environment: Environment;
}

/** What the environment must have. */
export interface EnvironmentWish {
  /** Number of threads that compute. Default: that of the open environment, or as many as suit the machine. */
  readonly threads?: number | undefined;
  /** Where models run. Default: where those of the open environment do, or on the CPU. */
  readonly provider?: ProviderChoice | undefined;
  /** Microseconds that threads wait in a busy loop within a run. Default: as those of the open environment, or 50. */
  readonly spinUs?: number | undefined;
  /** Bytes that may be held on the device of a provider. Default: that of the open environment, or as many as the device gives. */
  readonly deviceMemory?: number | undefined;
  /** Bytes of the weights of the model that will run, by which `auto` decides. */
  readonly weights?: number | undefined;
}

interface Shared {
  readonly opening: Promise<Environment>;
  shares: number;
}

/** WHY module state: ONNX Runtime has one environment and one thread pool in a process. */
let shared: Shared | undefined;

/**
 * Takes a share of the environment. The environment is opened with the first share and closed with the last.
 *
 * @throws EspalierError OPTION_INVALID if the environment is open with other threads or another provider; the errors of
 *   `openEnvironment`
 */
export async function shareEnvironment(wish: EnvironmentWish = {}): Promise<EnvironmentShare> {
  const own = (shared ??= { opening: open(wish), shares: 0 });
  own.shares++;
  let isHeld = true;
  const letGo = (environment: Environment | undefined): void => {
    if (!isHeld) return;
    isHeld = false;
    own.shares--;
    if (own.shares > 0) return;
    if (shared === own) shared = undefined;
    environment?.dispose();
  };
  let environment: Environment | undefined;
  try {
    environment = await own.opening;
    assertFits(environment, wish);
  } catch (error) {
    letGo(environment);
    throw error;
  }
  const opened = environment;
  return { environment: opened, [Symbol.dispose]: () => letGo(opened) };
}

function open({ threads, ...wish }: EnvironmentWish): Promise<Environment> {
  return openChosenEnvironment({ threads: decideThreads(threads).compute, ...wish });
}

function assertFits(environment: Environment, { threads, provider, spinUs, deviceMemory }: EnvironmentWish): void {
  const wanted = { threads, provider: provider === 'auto' ? undefined : provider, spinUs, deviceMemory };
  for (const name of ['threads', 'provider', 'spinUs', 'deviceMemory'] as const) {
    const actual = wanted[name];
    if (actual === undefined || actual === environment[name]) continue;
    const expected = `${String(environment[name])}, as what is open in this process already has`;
    throw new EspalierError('OPTION_INVALID', { name, expected, actual: String(actual) });
  }
}
