import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../root.ts';

/** Longer than a step, and than the end of a training. */
const patienceMs = 60_000;

/**
 * Starts `espalier launch`, kills it after its first step, and waits for its processes to end by themselves.
 * @returns processes that are there a minute later
 */
export async function killLauncher(words: readonly string[], processes: number): Promise<readonly number[]> {
  const program = join(packageRoot, 'bin/espalier');
  const launch = ['launch', '--processes', String(processes), '--', ...words, '--threads', '1'];
  const launcher = spawn(process.execPath, [program, ...launch], { stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(launcher, 'exit');
  const lines = createInterface({ input: launcher.stdout });
  const [pids] = await Promise.race([steppedOnce(lines).then(() => childrenOf(launcher.pid)), closed.then(() => [])]);
  launcher.kill('SIGKILL');
  await closed;
  if (pids === undefined) throw new Error('the launcher has ended by itself');
  const until = performance.now() + patienceMs;
  while (performance.now() < until && pids.some(isThere)) await sleep(50);
  return pids.filter(isThere);
}

async function steppedOnce(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) if (line.includes('"stepped"')) return;
}

async function childrenOf(pid: number | undefined): Promise<[number[]]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return [text.trim().split(/\s+/).map(Number)];
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
