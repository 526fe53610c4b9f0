import { availableParallelism } from 'node:os';
import { EspalierError } from '../core/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';

/** A share of the process's one environment. Dispose it once what was made from it is gone. */
export interface EnvironmentShare extends Disposable {
  readonly environment: Environment;
}

interface Shared {
  readonly environment: Environment;
  shares: number;
}

/** WHY state of the module: ONNX Runtime has one environment and one thread pool a process, and so has the library. */
let shared: Shared | undefined;

/**
 * Takes a share of the environment, which opens with the first share and closes with the last.
 *
 * @param threads  threads that compute; by default as many as the environment has that is open already, or one for each core
 * @throws EspalierError OPTION_INVALID where the environment is open with another number of threads; what `openEnvironment` throws
 */
export function shareEnvironment(threads?: number): EnvironmentShare {
  const own = (shared ??= { environment: openEnvironment({ threads: threads ?? availableParallelism() }), shares: 0 });
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
