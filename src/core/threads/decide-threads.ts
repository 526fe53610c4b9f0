import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { cgroupLimit } from './cgroup-limit.ts';
import { type Machine, planThreads, type ThreadPlan } from './plan-threads.ts';

/**
 * The threads of this process, by the machine as it is now.
 * @param asked  the threads that compute, where the user says so
 */
export function decideThreads(asked?: number): ThreadPlan {
  return planThreads(readMachine(), asked);
}

function readMachine(): Machine {
  const { LOCAL_WORLD_SIZE, OMPI_COMM_WORLD_LOCAL_SIZE, MPI_LOCALNRANKS } = process.env;
  const processes = processesHere(LOCAL_WORLD_SIZE ?? OMPI_COMM_WORLD_LOCAL_SIZE ?? MPI_LOCALNRANKS);
  const cpuLimit = process.platform === 'linux' ? cgroupLimit(readText) : undefined;
  return {
    cores: Math.max(1, Math.floor(availableParallelism() / processes)),
    cpuLimit: cpuLimit === undefined ? undefined : cpuLimit / processes,
    pool: poolSizeOf(process.env['UV_THREADPOOL_SIZE']),
  };
}

/** Processes that train together on this machine, as `espalier launch`, torchrun and mpirun say it: each takes its share of the cores. */
export function processesHere(set: string | undefined): number {
  return set !== undefined && /^[1-9]\d{0,3}$/.test(set) ? Number(set) : 1;
}

/** WHY not awaited: the files are of memory, a line each, and what is decided is needed before anything is opened. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The size of libuv's pool, as libuv reads it: 4 where nothing is set, and from 1 to 1024. */
export function poolSizeOf(set: string | undefined): number {
  if (set === undefined) return 4;
  const size = Number.parseInt(set, 10);
  return Number.isNaN(size) ? 1 : Math.min(Math.max(size, 1), 1024);
}
