/** What the threads of a process are chosen by. */
export interface Machine {
  /** Cores that the process may run on: those of the machine, less those that its affinity or its cpuset leaves out. */
  readonly cores: number;
  /** Processors whose time the control groups of the process allow, such as 1.5; undefined: no limit. */
  readonly cpuLimit: number | undefined;
  /** Threads of libuv's pool, which are fixed when the process starts. */
  readonly pool: number;
}

/** How many threads there are of each kind. The event loop has one more, of its own. */
export interface ThreadPlan extends Machine {
  /** Threads of ONNX Runtime that share the work of one operator, the one that calls included. */
  readonly compute: number;
  /** Threads that hash the files of adapters. */
  readonly hashing: number;
}

/**
 * Threads of libuv for a process of Espalier: the four that Node has for files and names of hosts, and four for native runs that wait.
 * `bin/espalier` sets them before the pool exists.
 */
export const poolThreads = 8;

/**
 * Microseconds that a thread waits in a busy loop for the next operator of a run before it sleeps. WHY so few: that is longer than the
 * gaps between the small operators of a decode step, and shorter than a turn that the system gives a thread where more want to run than
 * there are cores.
 */
export const usualSpinUs = 50;

/** WHY no more: each such session has threads of its own, so that their number would grow with that of the models. */
export const mostSpinningSessions = 4;

/** Up to this many processors, all of them compute. */
const mostShared = 4;

/** WHY not one for each core: requests run on the same cores, and two halve the time already. */
const mostHashing = 2;

/**
 * Decides the threads of a process. Pure function.
 *
 * WHY whole processors of a limit: who uses up its time within a period stands still until the next, and the event loop with it.
 * WHY one less above four: an operator ends with its slowest thread, and one that shares its core with the event loop is the slowest.
 * With four or fewer, the core that stays free would cost a quarter of the speed or more.
 *
 * @param asked  the threads that compute, where the user says so
 */
export function planThreads(machine: Machine, asked?: number): ThreadPlan {
  const { cores, cpuLimit = Number.POSITIVE_INFINITY } = machine;
  const whole = Math.max(1, Math.floor(Math.min(cores, cpuLimit)));
  const compute = asked ?? (whole <= mostShared ? whole : whole - 1);
  return { ...machine, compute, hashing: Math.min(mostHashing, whole) };
}
