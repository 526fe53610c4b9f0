import { execFile } from 'node:child_process';
import { messageOf } from '../../core/index.ts';

/** What a run of a program has said. */
export interface ProgramAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Where Debian, Ubuntu and Alpine have a program, where its package is called otherwise. */
const packages: Readonly<Record<string, string>> = {
  gpg: 'the package gpg of Debian and Ubuntu, gnupg of Alpine',
  'ssh-keygen': 'the package openssh-client of Debian and Ubuntu, openssh-keygen of Alpine',
};

/**
 * Runs a program of the machine until it ends by itself, whatever its exit code is.
 * @throws an error in words if it cannot be started, was stopped, or took too long
 */
export function runProgram(
  program: string,
  words: readonly string[],
  { env, timeoutMs, maxBytes, signal }: ProgramOptions,
): Promise<ProgramAnswer> {
  const settings = {
    env,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: maxBytes,
    signal,
    encoding: 'utf8',
    windowsHide: true,
  } as const;
  return new Promise((resolve, reject) => {
    execFile(program, words, settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') return resolve({ code, stdout, stderr });
      if (signal.aborted) return reject(signal.reason);
      reject(new Error(problemOf(program, error, timeoutMs), { cause: error }));
    });
  });
}

function problemOf(program: string, error: unknown, timeoutMs: number): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    const where = packages[program];
    return `there is no ${program} on this machine${where === undefined ? '' : `: install ${where}`}`;
  }
  if (error instanceof Error && 'killed' in error && error.killed === true) {
    return `${program} had not ended after ${timeoutMs / 1000} s`;
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
