import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cgroupLimit } from './cgroup-limit.ts';
import { decideThreads, poolSizeOf, processesHere } from './decide-threads.ts';
import { planThreads, poolThreads } from './plan-threads.ts';

const page = new URL('../../../docs/threads.md', import.meta.url);

/** The table of the page: cores, limit, what was asked, threads that compute, threads that hash. */
const rows = [
  ...readFileSync(page, 'utf8').matchAll(
    /^\| +(\d+) +\| +([\d.]+|none) +\| +(\d+|nothing) +\| +(\d+) +\| +(\d+) +\|$/gm,
  ),
];

describe('the threads of a process', () => {
  it('have a table on their page', () => {
    expect(rows.length).toBeGreaterThan(10);
  });

  it.each(rows.map(([, ...row]) => row))(
    'with %s cores, a limit of %s and %s asked are %s that compute and %s that hash',
    (cores, limit, asked, compute, hashing) => {
      const machine = { cores: Number(cores), cpuLimit: limit === 'none' ? undefined : Number(limit), pool: 8 };
      const plan = planThreads(machine, asked === 'nothing' ? undefined : Number(asked));
      expect(plan).toEqual({ ...machine, compute: Number(compute), hashing: Number(hashing) });
    },
  );

  it('are at least one of each, within what the process may use, and never fewer on a larger machine', () => {
    const limits = fc.option(fc.double({ min: 0.01, max: 300, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 256 }), limits, (cores, cpuLimit) => {
        const plan = planThreads({ cores, cpuLimit, pool: 8 });
        expect(plan.compute).toBeGreaterThanOrEqual(1);
        expect(plan.hashing).toBeGreaterThanOrEqual(1);
        expect(plan.compute).toBeLessThanOrEqual(Math.max(1, Math.min(cores, cpuLimit ?? cores)));
        expect(planThreads({ cores: cores + 1, cpuLimit, pool: 8 }).compute).toBeGreaterThanOrEqual(plan.compute);
      }),
    );
  });

  it('are decided for this machine', () => {
    const { compute, cores } = decideThreads();
    expect(compute).toBeGreaterThanOrEqual(1);
    expect(compute).toBeLessThanOrEqual(cores);
    expect(decideThreads(3).compute).toBe(3);
  });

  it('are those of libuv that the command sets before it starts', () => {
    const command = readFileSync(new URL('../../../bin/espalier', import.meta.url), 'utf8');
    expect(command).toContain(`UV_THREADPOOL_SIZE ??= '${poolThreads}'`);
  });

  it.each([
    [undefined, 1],
    ['4', 4],
    ['0', 1],
    ['many', 1],
  ])('are shared by the processes of LOCAL_WORLD_SIZE %s: %s', (set, processes) => {
    expect(processesHere(set)).toBe(processes);
  });

  it.each([
    [undefined, 4],
    ['8', 8],
    ['0', 1],
    ['-3', 1],
    ['many', 1],
    ['5000', 1024],
  ])('reads a size of the pool of %s as libuv does: %s', (set, size) => {
    expect(poolSizeOf(set)).toBe(size);
  });
});

describe('the limit of control groups', () => {
  const limitOf = (files: Readonly<Record<string, string>>): number | undefined => cgroupLimit((path) => files[path]);

  it.each<[string, Readonly<Record<string, string>>, number | undefined]>([
    ['no groups', {}, undefined],
    ['version 2, its own', { '/proc/self/cgroup': '0::/app\n', '/sys/fs/cgroup/app/cpu.max': '150000 100000\n' }, 1.5],
    ['version 2, none', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, undefined],
    [
      'version 2, the smaller one above',
      {
        '/proc/self/cgroup': '0::/pod/app\n',
        '/sys/fs/cgroup/pod/app/cpu.max': '400000 100000\n',
        '/sys/fs/cgroup/pod/cpu.max': '200000 100000\n',
      },
      2,
    ],
    [
      'version 2, in a container that sees its root only',
      { '/proc/self/cgroup': '0::/pod/of/the/host\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' },
      0.5,
    ],
    [
      'version 1',
      {
        '/proc/self/cgroup': '5:memory:/app\n4:cpu,cpuacct:/app\n',
        '/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us': '300000\n',
        '/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us': '100000\n',
      },
      3,
    ],
    [
      'version 1, none',
      {
        '/proc/self/cgroup': '1:cpu:/\n0::/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      undefined,
    ],
    ['the cpuset of version 1, which is no limit of time', { '/proc/self/cgroup': '3:cpuset:/app\n' }, undefined],
    ['what nobody can read', { '/proc/self/cgroup': 'nonsense', '/sys/fs/cgroup/cpu.max': '1 1' }, undefined],
    ['a period of nothing', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '100000 0\n' }, undefined],
  ])('is read of %s', (_, files, limit) => {
    expect(limitOf(files)).toBe(limit);
  });
});
