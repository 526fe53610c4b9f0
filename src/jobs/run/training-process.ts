import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { markOf, type ProcessMark } from '../../atomic-files/index.ts';

/** How a process ended. */
export interface TrainingExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The end of what it wrote to its standard error. */
  readonly words: string;
}

/** A training in a process of its own. */
export interface TrainingProcess {
  readonly mark: Promise<ProcessMark>;
  /** Resolves when the process has ended and all its lines have been told. */
  readonly ended: Promise<TrainingExit>;
  /** Asks it to finish its step, to write a checkpoint, and to end. */
  stop(): void;
  kill(): void;
}

export interface TrainingOrder {
  /** The command line after `espalier`. */
  readonly words: readonly string[];
  /** Most bytes of memory of its own that the process may take. Files that it maps do not count. undefined: any. */
  readonly memory: number | undefined;
  /** Told of each line of its standard output. */
  readonly onLine: (line: string) => void;
}

export type StartTraining = (order: TrainingOrder) => TrainingProcess;

const program = fileURLToPath(new URL('../../../bin/espalier', import.meta.url));
/** Much more than an error has. */
const keptWords = 4096;

/** Starts a program for Node with words such as `train`, at the lowest priority. */
export function createStart(path: string): StartTraining {
  return (order) => start(path, order);
}

/** Starts `espalier train`. */
export const startTraining = createStart(program);

function start(path: string, { words, memory, onLine }: TrainingOrder): TrainingProcess {
  const [file = '', ...rest] = [...limits(memory), process.execPath, path, ...words];
  // WHY not detached: the session of the server is one group for the scheduler, within which the priority counts.
  const child = spawn(file, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment(process.env),
    windowsHide: true,
  });
  // WHY: the process may have ended before it is told to.
  child.stdin.on('error', () => undefined);
  if (process.platform === 'win32' && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  return {
    mark: markOf(child.pid ?? 0),
    ended: exitOf(child, onLine),
    stop: () => void child.stdin.end(),
    kill: () => void child.kill('SIGKILL'),
  };
}

/**
 * What is put in front of the command. WHY by the shell and not by `os.setPriority`: a priority is that of one thread on Linux, and those
 * that have begun would keep theirs. WHY the limit of data: the base and its weights are mapped files, which do not count in it, and the
 * space that JavaScript reserves does not either.
 */
function limits(memory: number | undefined): string[] {
  if (process.platform === 'win32') return [];
  const limit = memory === undefined ? '' : `ulimit -d ${Math.ceil(memory / 1024)} && `;
  return ['/bin/sh', '-c', `${limit}exec nice -n 19 "$@"`, 'sh'];
}

/** WHY: a training needs no key and no secret of the server. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^ESPALIER_.*(KEY|SECRET)$/.test(name)));
}

async function exitOf(child: ChildProcess, onLine: (line: string) => void): Promise<TrainingExit> {
  let words = '';
  child.stderr?.on('data', (piece: Buffer) => {
    words = (words + piece.toString()).slice(-keptWords);
  });
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', onLine);
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve({ code: null, signal: null, words: message }));
    child.once('close', (code, signal) => resolve({ code, signal, words: words.trim() }));
  });
}
