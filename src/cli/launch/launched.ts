import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exitCodes } from '../command.ts';

/** How one process ended. */
export interface Ending {
  readonly rank: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LaunchedOptions {
  /** The command line of each after `espalier`. */
  readonly words: readonly string[];
  /** What each process has in its environment, beside that of this one. */
  readonly environments: readonly Readonly<Record<string, string | undefined>>[];
  /** Told of each process that was started. */
  readonly onStart?: (started: { readonly rank: number; readonly pid: number }) => void;
  readonly onLine: (line: {
    readonly rank: number;
    readonly stream: 'stdout' | 'stderr';
    readonly text: string;
  }) => void;
  /** Told when one has failed, and the others get time to end. */
  readonly onFailure: (first: Ending) => void;
  /** Asks all to end in good order. */
  readonly signal: AbortSignal;
  /** Time for the others to end by themselves after one has failed. */
  readonly graceMs?: number;
  /** The program. Tests use another. */
  readonly program?: string;
}

const espalier = fileURLToPath(new URL('../../../bin/espalier', import.meta.url));
/** Longer than the others need to find out that one is lost. */
const defaultGraceMs = 15_000;

/**
 * Starts a process for each environment, and waits until all have ended. When one fails, the others find out and end by themselves;
 * what has not ended after a while is killed, stopped processes too.
 *
 * WHY a group of their own: Ctrl-C on a terminal would reach them beside the signal that is passed on, and a second one ends at once.
 * WHY a pipe as their input: it ends with this process, in whatever way, and `--end-with-input` ends them then.
 */
export async function runProcesses(options: LaunchedOptions): Promise<readonly Ending[]> {
  const { environments, signal, graceMs = defaultGraceMs, onFailure } = options;
  const children = environments.map((own) => start(own, options));
  const pass = (): void => children.forEach((child) => child.kill('SIGTERM'));
  signal.addEventListener('abort', pass);
  let timer: NodeJS.Timeout | undefined;
  try {
    if (signal.aborted) pass();
    return await Promise.all(
      children.map(async (child, index) => {
        const ending = { rank: Number(environments[index]?.['RANK'] ?? index), ...(await ended(child)) };
        if (isFailure(ending) && timer === undefined) {
          timer = setTimeout(() => children.forEach((each) => each.kill('SIGKILL')), graceMs);
          if (!signal.aborted) onFailure(ending);
        }
        return ending;
      }),
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', pass);
    for (const child of children) child.stdin?.destroy();
  }
}

export function isFailure({ code }: Ending): boolean {
  return code !== 0;
}

/**
 * The exit code of all together. Pure function. WHY that of the first that failed by itself: those that were killed, and those that were
 * asked to end, say less about the reason.
 */
export function exitCodeOf(endings: readonly Ending[]): number {
  const failed = endings.filter(isFailure);
  if (failed.length === 0) return exitCodes.success;
  if (failed.every(({ code }) => code === exitCodes.interrupted)) return exitCodes.interrupted;
  return failed.find(({ code }) => code !== null && code !== exitCodes.interrupted)?.code ?? exitCodes.failure;
}

/** How a person reads it. */
export function describeEnding({ rank, code, signal }: Ending): string {
  return signal === null ? `rank ${rank} ended with exit code ${code}` : `rank ${rank} was ended by ${signal}`;
}

function start(
  own: Readonly<Record<string, string | undefined>>,
  { words, onLine, onStart, program = espalier }: LaunchedOptions,
): ChildProcess {
  const child = spawn(process.execPath, [program, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...own },
    detached: true,
    windowsHide: true,
  });
  const rank = Number(own['RANK'] ?? 0);
  if (child.pid !== undefined) onStart?.({ rank, pid: child.pid });
  // WHY: the process may have ended before the pipe is closed.
  child.stdin.on('error', () => undefined);
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream], crlfDelay: Infinity }).on('line', (text) => onLine({ rank, stream, text }));
  }
  return child;
}

function ended(child: ChildProcess): Promise<Omit<Ending, 'rank'>> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
