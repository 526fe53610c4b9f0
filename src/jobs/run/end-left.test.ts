import { describe, expect, it } from 'vitest';
import type { Life } from '../../atomic-files/index.ts';
import { endLeft } from './end-left.ts';

const mark = { realm: 'here', pid: 12, start: '1' };

/** @param lives  whether it runs, look after look; the last one stays */
async function end(lives: readonly Life[], kill: (pid: number) => void = () => undefined) {
  const [killed, waited]: [number[], number[]] = [[], []];
  let look = 0;
  const problem = await endLeft(mark, {
    timers: {
      after(ms, run) {
        waited.push(ms);
        queueMicrotask(run);
        return () => undefined;
      },
    },
    life: async () => lives[Math.min(look++, lives.length - 1)] ?? 'dead',
    kill(pid) {
      killed.push(pid);
      kill(pid);
    },
  });
  return { problem, killed: killed.length, waitedMs: waited.reduce((sum, ms) => sum + ms, 0) };
}

const refuse = (): void => {
  throw new Error('kill EPERM');
};

describe('ending a process that a server has left', () => {
  it.each<[string, readonly Life[], number]>([
    ['has ended', ['dead'], 0],
    ['is of another host', ['unknown'], 0],
    ['ends when it is killed', ['alive', 'alive', 'dead'], 2],
  ])('is done when it %s', async (_name, lives, kills) => {
    expect(await end(lives)).toMatchObject({ problem: undefined, killed: kills });
  });

  it('says why it may not', async () => {
    expect(await end(['alive'], refuse)).toEqual({ problem: 'kill EPERM', killed: 1, waitedMs: 0 });
  });

  it('is done when it has ended just before', async () => {
    expect(await end(['alive', 'dead'], refuse)).toMatchObject({ problem: undefined });
  });

  it('waits for ten seconds at most', async () => {
    const { problem, waitedMs } = await end(['alive']);
    expect([problem, waitedMs]).toEqual(['it has not ended 10 seconds after it was killed', 10_000]);
  });
});
