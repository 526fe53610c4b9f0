import { expect, it } from 'vitest';
import { planThreads } from '../core/index.ts';
import { describeThreads } from './describe-threads.ts';

it.each<[Parameters<typeof planThreads>, number, string]>([
  [
    [{ cores: 16, cpuLimit: 2.5, pool: 8 }],
    50,
    '  Threads for 16 cores with a limit of 2.5: 2 to compute (50 µs in a busy loop before they sleep), 8 for runs and files, 2 to hash adapters, 1 for the event loop',
  ],
  [
    [{ cores: 1, cpuLimit: undefined, pool: 4 }, 3],
    0,
    '  Threads for 1 core: 3 to compute, 4 for runs and files, 1 to hash adapters, 1 for the event loop',
  ],
  [
    [{ cores: 1, cpuLimit: undefined, pool: 4 }],
    50,
    '  Threads for 1 core: 1 to compute, 4 for runs and files, 1 to hash adapters, 1 for the event loop',
  ],
])('tells the threads of %j with %d µs', ([machine, asked], spinUs, line) => {
  expect(describeThreads(planThreads(machine, asked), spinUs)).toBe(line);
});
