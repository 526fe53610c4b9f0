import { decideThreads, EspalierError } from '../core/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';

/** A share of the one environment of the process. Dispose it after everything that was made from it. */
export interface EnvironmentShare extends Disposable {
  readonly environment: Environment;
}

interface Shared {
  readonly environment: Environment;
  shares: number;
}

/** WHY module state: ONNX Runtime has one environment and one thread pool in a process. */
let shared: Shared | undefined;

/**
 * Takes a share of the environment. The environment is opened with the first share and closed with the last.
 *
 * @param threads  number of threads that compute. Default: that of the open environment, or as many as suit the machine
 * @throws EspalierError OPTION_INVALID if the environment is open with another number of threads; the errors of `openEnvironment`
 */
export function shareEnvironment(threads?: number): EnvironmentShare {
  const own = (shared ??= { environment: openEnvironment({ threads: decideThreads(threads).compute }), shares: 0 });
  const { environment } = own;
  if (threads !== undefined && threads !== environment.threads) {
    const expected = `${environment.threads}, as what is open in this process already has`;
    throw new EspalierError('OPTION_INVALID', { name: 'threads', expected, actual: threads });
  }
  own.shares++;
  let isHeld = true;
  return {
    environment,
    [Symbol.dispose]: () => {
      if (!isHeld) return;
      isHeld = false;
      own.shares--;
      if (own.shares > 0) return;
      shared = undefined;
      environment.dispose();
    },
  };
}
