import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf } from '../../core/index.ts';

/** What a run of a program has said. */
export interface ProgramAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env: Readonly<Record<string, string>>;
  /** undefined: it may take as long as it takes, and whoever runs it watches over it. */
  readonly timeoutMs: number | undefined;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Is told each time that the program says something on its standard error, of which only the last part is kept then. */
  readonly onSign?: (() => void) | undefined;
}

/** Where Debian, Ubuntu and Alpine have a program, where its package is called otherwise. */
const packages: Readonly<Record<string, string>> = {
  gpg: 'the package gpg of Debian and Ubuntu, gnupg of Alpine',
  'ssh-keygen': 'the package openssh-client of Debian and Ubuntu, openssh-keygen of Alpine',
};

/** How long a program has to remove its files and end, once it was told to. */
const graceMs = 1000;
/** How long is waited for more output of a program that has ended, while something that it started holds the other end. */
const lastWordsMs = 5000;

/**
 * Runs a program of the machine until it ends by itself, whatever its exit code is. One that is stopped is asked to end, so that it removes
 * its locks and temporary files, and is killed a second later, with all that it has started.
 * @throws an error in words if it cannot be started, was stopped, or took too long
 */
export function runProgram(
  program: string,
  words: readonly string[],
  { env, timeoutMs, maxBytes, signal, onSign }: ProgramOptions,
): Promise<ProgramAnswer> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    // WHY a group of its own: git starts ssh, which would stay behind for a quarter of an hour where the other side is silent.
    const child = spawn(program, words, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    const out = new Collected(maxBytes, false);
    const err = new Collected(maxBytes, onSign !== undefined);
    const timers: NodeJS.Timeout[] = [];
    let stopped: { readonly reason: unknown } | undefined;

    const stop = (reason: unknown): void => {
      if (stopped !== undefined) return;
      stopped = { reason };
      if (!endGroup(child, 'SIGTERM')) return;
      timers.push(setTimeout(() => endGroup(child, 'SIGKILL'), graceMs));
    };
    const onAbort = (): void => stop(signal.reason);
    const settle = (result: () => void): void => {
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
      result();
    };
    const end = (code: number | null, by: NodeJS.Signals | null): void =>
      settle(() => {
        if (stopped !== undefined) {
          endGroup(child, 'SIGKILL');
          return reject(stopped.reason);
        }
        if (code === null) return reject(new Error(`${program} was ended by ${by ?? 'the system'}`));
        resolve({ code, stdout: out.text(), stderr: err.text() });
      });

    signal.addEventListener('abort', onAbort, { once: true });
    if (timeoutMs !== undefined) {
      const problem = `${program} had not ended after ${timeoutMs / 1000} s`;
      timers.push(setTimeout(() => stop(new Error(problem)), timeoutMs));
    }
    const take = (kept: Collected, chunk: Buffer): void => {
      if (!kept.add(chunk)) stop(new Error(`${program} said more than ${maxBytes} bytes`));
    };
    child.stdout.on('data', (chunk: Buffer) => take(out, chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      onSign?.();
      take(err, chunk);
    });
    child.once('error', (error) => settle(() => reject(new Error(problemOf(program, error), { cause: error }))));
    child.once('close', end);
    child.once('exit', (code, by) => {
      // WHY not only `close`: a process that has left the group may hold the pipes open for as long as it likes.
      timers.push(setTimeout(() => end(code, by), stopped === undefined ? lastWordsMs : 0));
    });
  });
}

/** @returns whether there was something to end */
function endGroup(child: ChildProcess, signal: NodeJS.Signals): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    // There is no group of that number: all of it has ended, or the system has no groups.
    return child.kill(signal);
  }
}

/** What a program says, up to a size. */
class Collected {
  readonly #maxBytes: number;
  readonly #keepsLast: boolean;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number, keepsLast: boolean) {
    this.#maxBytes = maxBytes;
    this.#keepsLast = keepsLast;
  }

  /** @returns false if it is too much */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#maxBytes) return true;
    if (!this.#keepsLast) return false;
    const last = Buffer.concat(this.#chunks).subarray(-Math.floor(this.#maxBytes / 2));
    this.#chunks = [last];
    this.#bytes = last.length;
    return true;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

function problemOf(program: string, error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    const where = packages[program];
    return `there is no ${program} on this machine${where === undefined ? '' : `: install ${where}`}`;
  }
  return messageOf(error);
}

/** The variables of this process without those of a git around it, which would lead its programs elsewhere. */
export function environment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('GIT_'),
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
