import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, launchEnvironments } from '../../../collectives/index.ts';
import { runProcesses, type Ending } from '../launched.ts';
import { faultEnvironment, type RankFault } from './rank-fault.ts';

export interface LaunchedTraining {
  readonly endings: readonly Ending[];
  /** What each rank wrote to its standard output, and to its standard error. */
  readonly outputs: ReadonlyMap<number, string>;
  readonly errors: ReadonlyMap<number, string>;
  /** Ranks whose process is there although all have ended. */
  readonly left: readonly number[];
}

export interface LaunchTraining {
  /** What every rank runs, and the command line behind it. */
  readonly program: string;
  readonly words: readonly string[];
  readonly ranks: number;
  readonly fault?: { readonly rank: number; readonly fault: RankFault };
  /** Told of the processes, once all have been started. */
  readonly onStarted?: (pids: readonly number[]) => void;
  /** Told of each line. */
  readonly onLine?: () => void;
  readonly signal?: AbortSignal;
  /** Seconds of silence after which a rank is lost. */
  readonly silence?: string;
  /** For the others to end after one has failed. */
  readonly graceMs?: number;
}

/** WHY so few: a test waits for it. */
const shortSilence = '2';

/** Trains with real processes, on one thread each. */
export async function launchTraining({
  program,
  words,
  ranks,
  fault,
  onStarted,
  onLine,
  silence = shortSilence,
  signal = new AbortController().signal,
  graceMs,
}: LaunchTraining): Promise<LaunchedTraining> {
  const key = randomBytes(16).toString('hex');
  const master = { host: '127.0.0.1', port: await freePort() };
  const environments = launchEnvironments({ processes: ranks, nodes: 1, nodeRank: 0, master, key });
  const [outputs, errors] = [new Map<number, string>(), new Map<number, string>()];
  const pids = new Map<number, number>();
  const endings = await runProcesses({
    program,
    words: [...words, '--threads', '1', '--end-with-input'],
    environments: environments.map((environment, rank) => ({
      ...environment,
      ESPALIER_GROUP_SILENCE: silence,
      ...(fault?.rank === rank && faultEnvironment(fault.fault)),
    })),
    signal,
    ...(graceMs !== undefined && { graceMs }),
    onStart: ({ rank, pid }) => {
      pids.set(rank, pid);
      if (pids.size === ranks) onStarted?.([...pids.values()]);
    },
    onLine: ({ rank, stream, text }) => {
      onLine?.();
      const texts = stream === 'stdout' ? outputs : errors;
      texts.set(rank, `${texts.get(rank) ?? ''}${text}\n`);
    },
    onFailure: () => undefined,
  });
  return { endings, outputs, errors, left: [...pids].filter(([, pid]) => isThere(pid)).map(([rank]) => rank) };
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The adapter that a training wrote. */
export function adapterOf(output: string): Promise<Buffer> {
  return readFile(join(output, 'adapter_model.safetensors'));
}
