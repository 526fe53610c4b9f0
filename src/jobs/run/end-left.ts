import { lifeOf, type ProcessMark } from '../../atomic-files/index.ts';
import { messageOf, type Timers } from '../../core/index.ts';
import { passed } from '../job-timers.ts';

export interface EndLeftOptions {
  readonly timers: Timers;
  readonly life?: typeof lifeOf | undefined;
  readonly kill?: ((pid: number) => void) | undefined;
}

const lookMs = 20;
/** WHY a bound: a process that hangs in the system cannot be killed, and the other jobs must not wait for it. */
const mostLooks = 500;

/**
 * Ends a process that an earlier server left.
 * @returns why it still runs; undefined if it does not
 */
export async function endLeft(mark: ProcessMark, options: EndLeftOptions): Promise<string | undefined> {
  const { timers, life = lifeOf, kill = killProcess } = options;
  for (let look = 0; look < mostLooks; look++) {
    if ((await life(mark)) !== 'alive') return undefined;
    try {
      kill(mark.pid);
    } catch (error) {
      // It may have ended meanwhile.
      if ((await life(mark)) === 'alive') return messageOf(error);
    }
    await passed(lookMs, timers);
  }
  return `it has not ended ${(mostLooks * lookMs) / 1000} seconds after it was killed`;
}

function killProcess(pid: number): void {
  process.kill(pid, 'SIGKILL');
}
