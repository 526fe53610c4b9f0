import { environment, type ProgramAnswer, runProgram } from './run-program.ts';

export interface GitOptions {
  /** The bare repository. */
  readonly gitDir: string;
  /** The only protocol that git may speak; undefined: none. */
  readonly protocol?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** undefined: whoever runs it watches over it. */
  readonly timeoutMs: number | undefined;
  /** Is told each time that git says how far it is. */
  readonly onSign?: (() => void) | undefined;
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
  // WHY: what comes as one pack is told of byte by byte (`--progress`), and small objects as well.
  'fetch.unpackLimit=1',
  'submodule.recurse=false',
  'gc.autoDetach=false',
  'maintenance.autoDetach=false',
  'protocol.ext.allow=never',
  // A git that outlives the server ends by itself where the other side is silent. The server's own limits are shorter.
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=60',
] as const;

/**
 * The ssh of git where the machine names none. WHY no connection that is shared with others: after a cut, one from before it hears nothing
 * for as long again, and only a new one is answered at once. WHY questions to the other side: an ssh that outlives git ends by itself.
 */
const ssh = [
  'ssh',
  '-oBatchMode=yes',
  '-oConnectTimeout=10',
  '-oServerAliveInterval=5',
  '-oServerAliveCountMax=6',
  '-oControlMaster=no',
  '-oControlPath=none',
].join(' ');

/**
 * Runs the machine's git. It asks nobody for anything, runs no hook, and ends after a time.
 * @throws an error in words if git cannot be started, was stopped, or took too long
 */
export function runGit(words: readonly string[], options: GitOptions): Promise<ProgramAnswer> {
  const { gitDir, protocol = '', timeoutMs, maxBytes = 4 * 2 ** 20, signal, onSign } = options;
  const args = [...settings.flatMap((setting) => ['-c', setting]), `--git-dir=${gitDir}`, ...words];
  const env = { ...gitEnvironment(), GIT_ALLOW_PROTOCOL: protocol, ...options.env };
  return runProgram('git', args, { env, timeoutMs, maxBytes, signal, onSign });
}

function gitEnvironment(): Record<string, string> {
  const kept = ['GIT_SSL_CAINFO', 'GIT_SSH_COMMAND'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...environment(),
    ...Object.fromEntries(kept),
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_SSH_COMMAND: process.env['GIT_SSH_COMMAND'] ?? ssh,
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
  };
}

/**
 * The line of what git has said that says why, for a message. Behind an empty line git gives advice. What ssh says stands before git's own
 * line, that it could not read from the other side.
 */
export function reasonOf(text: string): string {
  const [said = ''] = text.trim().split(/\r?\n\s*\n/);
  const lines = said.split(/[\r\n]+/).filter((line) => /\w/.test(line));
  const without = lines.filter((line) => !line.startsWith('fatal: Could not read from remote repository'));
  const reason = without.at(-1) ?? lines.at(-1) ?? 'git gave no reason';
  return reason
    .trim()
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, 300);
}
