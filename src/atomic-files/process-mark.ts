import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/**
 * Identifies the process to which a file belongs. A process id alone does not: after a restart of a container, another process
 * has the same id.
 */
export interface ProcessMark {
  /** Where the process id is valid: a digest of the host and the process namespace. */
  readonly realm: string;
  readonly pid: number;
  /** The start time of the process in the system's own units; `0` on systems that do not provide one. */
  readonly start: string;
}

/** `unknown`: the process belongs to another host or container, so this process cannot tell. */
export type Life = 'alive' | 'dead' | 'unknown';

/** Whether a parsed value is a process mark. */
export function isProcessMark(found: unknown): found is ProcessMark {
  if (typeof found !== 'object' || found === null) return false;
  if (!('realm' in found && 'pid' in found && 'start' in found)) return false;
  return typeof found.realm === 'string' && typeof found.start === 'string' && Number.isSafeInteger(found.pid);
}

let own: Promise<ProcessMark> | undefined;

/** The mark of this process. */
export function ownMark(): Promise<ProcessMark> {
  own ??= Promise.all([findRealm(), startOf(process.pid)]).then(([realm, start]) => ({
    realm,
    pid: process.pid,
    start: start ?? '0',
  }));
  return own;
}

/** The mark of a process that this one has started. */
export async function markOf(pid: number): Promise<ProcessMark> {
  const [{ realm }, start] = await Promise.all([ownMark(), startOf(pid)]);
  return { realm, pid, start: start ?? '0' };
}

/** Whether the process of a mark still runs. */
export async function lifeOf({ realm, pid, start }: ProcessMark): Promise<Life> {
  const here = await ownMark();
  if (realm !== here.realm) return 'unknown';
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return 'dead';
  }
  const now = await startOf(pid);
  return now !== undefined && start !== '0' && now !== start ? 'dead' : 'alive';
}

async function findRealm(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${hostname()} ${namespace}`).digest('hex').slice(0, 8);
}

/** Field 22 of /proc/PID/stat. The second field, a name in parentheses, may hold spaces and parentheses itself. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const start = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
  return start !== undefined && /^\d+$/.test(start) ? start : undefined;
}
