import { execFile } from 'node:child_process';
import { messageOf } from '../../core/index.ts';

/** What a run of git has said. */
export interface GitAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GitOptions {
  /** The bare repository. */
  readonly gitDir: string;
  /** The only protocol that git may speak; undefined: none. */
  readonly protocol?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxBytes?: number | undefined;
  readonly signal: AbortSignal;
}

/** Settings that hold for every run, whatever the machine or the repository says. */
const settings = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.symlinks=false',
  'core.protectNTFS=true',
  'fetch.recurseSubmodules=false',
  'fetch.fsckObjects=true',
  'submodule.recurse=false',
  'gc.autoDetach=false',
  'maintenance.autoDetach=false',
  'protocol.ext.allow=never',
] as const;

/**
 * Runs the machine's git. It asks nobody for anything, runs no hook, and ends after a time.
 * @throws an error in words if git cannot be started, was stopped, or took too long
 */
export function runGit(words: readonly string[], options: GitOptions): Promise<GitAnswer> {
  const { gitDir, protocol = '', timeoutMs, maxBytes = 4 * 2 ** 20, signal } = options;
  const args = [...settings.flatMap((setting) => ['-c', setting]), `--git-dir=${gitDir}`, ...words];
  const env = { ...environment(), GIT_ALLOW_PROTOCOL: protocol, ...options.env };
  return new Promise((resolve, reject) => {
    execFile(
      'git',
      args,
      {
        env,
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: maxBytes,
        signal,
        encoding: 'utf8',
        windowsHide: true,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') return resolve({ code, stdout, stderr });
        if (signal.aborted) return reject(signal.reason);
        reject(new Error(problemOf(error, timeoutMs), { cause: error }));
      },
    );
  });
}

function problemOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'there is no git on this machine';
  if (error instanceof Error && 'killed' in error && error.killed === true) {
    return `git had not ended after ${timeoutMs / 1000} s`;
  }
  return messageOf(error);
}

/** WHY not all of it: variables of a git that runs around the server would lead this one elsewhere. */
function environment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('GIT_'),
  );
  const keptGit = ['GIT_SSL_CAINFO', 'GIT_SSH_COMMAND'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries([...kept, ...keptGit]),
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_SSH_COMMAND: process.env['GIT_SSH_COMMAND'] ?? 'ssh -oBatchMode=yes -oConnectTimeout=10',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
    LC_ALL: 'C',
  };
}

/**
 * The line of what git has said that says why, for a message. Behind an empty line git gives advice. What ssh says stands before git's own
 * line, that it could not read from the other side.
 */
export function reasonOf(text: string): string {
  const [said = ''] = text.trim().split(/\r?\n\s*\n/);
  const lines = said.split('\n').filter((line) => /\w/.test(line));
  const without = lines.filter((line) => !line.startsWith('fatal: Could not read from remote repository'));
  const reason = without.at(-1) ?? lines.at(-1) ?? 'git gave no reason';
  return reason
    .trim()
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, 300);
}
