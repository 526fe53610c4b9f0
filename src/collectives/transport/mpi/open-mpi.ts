import { EspalierError, systemClock } from '../../../core/index.ts';
import { exitAtOnce, loadMpi, Mpi, mpiCandidates } from '../../../native/index.ts';
import type { MpiPlace } from '../../group-settings.ts';
import { limitsFor } from '../members/watch.ts';
import { unreachable } from '../members/members.ts';
import type { Transport } from '../transport.ts';
import type { MessagePassing } from './message-passing.ts';
import { MpiTransport } from './mpi-transport.ts';

export interface MpiOptions {
  readonly place: MpiPlace;
  /** The file of the library. Default: searched under the names that systems have. */
  readonly library: string | undefined;
  readonly joinTimeoutMs: number;
  readonly timeoutMs: number;
  readonly silenceMs: number;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** For what is left to do after MPI no longer answers, such as to print an error. */
const lastWordsMs = 2000;
/** For all processes to leave MPI. */
const leavingMs = 10_000;

/**
 * Joins the processes that `mpirun` or `srun` has started, by the library of MPI on this machine.
 *
 * @throws EspalierError GROUP_MPI_UNUSABLE, GROUP_UNREACHABLE; the signal's reason
 */
export async function openMpi(options: MpiOptions): Promise<Transport> {
  const { place, library: path, joinTimeoutMs, timeoutMs, silenceMs, onWarning, signal } = options;
  const { rank, worldSize, launcher } = place;
  const unusable = (problem: string): Error => new EspalierError('GROUP_MPI_UNUSABLE', { launcher, problem });
  const library = loadMpi(path === undefined ? mpiCandidates(launcher === 'Open MPI') : [path]);
  if (typeof library === 'string') throw unusable(library);
  const mpi = new Mpi(library);
  const problem = await within({ ms: joinTimeoutMs, signal }, mpi.open(), () =>
    unreachable({ rank, address: launcher, timeoutMs: joinTimeoutMs }, 'not all processes have come to MPI_Init'),
  );
  if (problem !== undefined) throw unusable(problem);
  const seen = mpi.place();
  if (seen.rank !== rank || seen.worldSize !== worldSize) {
    const [own, said] = [`rank ${seen.rank} of ${seen.worldSize}`, `rank ${rank} of ${worldSize}`];
    const advice = 'it belongs to another launcher; name the right one with ESPALIER_MPI_LIBRARY';
    throw unusable(`${library.path} (${mpi.version}) sees ${own}, and the environment says ${said}: ${advice}`);
  }
  return new MpiTransport({
    rank,
    worldSize,
    messages: leavingInTime(mpi),
    clock: systemClock,
    limits: limitsFor(silenceMs),
    timeoutMs,
    onWarning: onWarning ?? (() => undefined),
  });
}

/** MPI that is left without the others if they do not come. */
function leavingInTime(mpi: Mpi): MessagePassing {
  return {
    send: (...message) => mpi.send(...message),
    receive: (...message) => mpi.receive(...message),
    isDone: (message) => mpi.isDone(message),
    cancel: (message) => mpi.cancel(message),
    close: () => within({ ms: leavingMs }, mpi.close(), () => undefined),
  };
}

/**
 * What a call on another thread results in. If it does not end in time, this process can no longer end by itself, and is ended after
 * a moment for its last words.
 */
async function within<Result>(
  { ms, signal }: { readonly ms: number; readonly signal?: AbortSignal | undefined },
  call: Promise<Result>,
  late: () => Error | Result,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const leave = (settle: () => void): void => {
      settle();
      setTimeout(() => exitAtOnce(Number(process.exitCode ?? 1)), lastWordsMs);
    };
    const onAbort = (): void => leave(() => reject(signal?.reason as Error));
    const timer = setTimeout(() => {
      const result = late();
      leave(() => (result instanceof Error ? reject(result) : resolve(result)));
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
    void call.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    });
  });
}
