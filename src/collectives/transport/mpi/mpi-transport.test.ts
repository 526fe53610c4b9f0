import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../floats.ts';
import { describeProcessGroup } from '../../testing/describe-process-group.ts';
import { FakeMpi, fakeMpiGroup } from '../../testing/fake-mpi.ts';
import { groupHere, onAll } from '../../testing/group-here.ts';

describeProcessGroup('a fake of MPI', (worldSize) => Promise.resolve(fakeMpiGroup(worldSize)), [2, 3]);

/** How the operations of each rank ended. */
function endings(results: readonly PromiseSettledResult<unknown>[]): string[] {
  return results.map((result) => (result.status === 'rejected' ? String(result.reason) : 'done'));
}

describe('a group over MPI', () => {
  it('sums to the very bytes of the ring over TCP', async () => {
    const worldSize = 3;
    const [overMpi, overTcp] = [fakeMpiGroup(worldSize), await groupHere(worldSize)];
    const sums = await Promise.all(
      [overMpi, overTcp].map((groups) =>
        onAll(groups, async (group) => {
          const values = Float32Array.from(
            { length: 200_003 },
            (_, i) => Math.sin(i * 7.1 + group.rank) * 10 ** (i % 5),
          );
          await group.allReduce(values);
          return values;
        }),
      ),
    );
    const [first, ...others] = sums.flat().map(bytesOf);
    for (const other of others) expect(Buffer.compare(first ?? new Uint8Array(), other)).toBe(0);
    await Promise.all([overMpi, overTcp].map((groups) => onAll(groups, (group) => group.close())));
  });

  it('is done with an array when the sum has come, so that its owner may change it', async () => {
    const groups = fakeMpiGroup(3);
    for (let round = 0; round < 5; round++) {
      const sums = await onAll(groups, async (group) => {
        const values = new Float32Array(99).fill(group.rank + round);
        await group.allReduce(values);
        const sum = values.slice();
        values.fill(NaN);
        return sum;
      });
      for (const sum of sums) expect(sum).toEqual(new Float32Array(99).fill(3 + 3 * round));
    }
    await onAll(groups, (group) => group.close());
  });

  it('leaves MPI when all have closed, with nothing sent that was not taken', async () => {
    const fake = new FakeMpi();
    const groups = fakeMpiGroup(3, { fake });
    await onAll(groups, (group) => group.barrier());
    await onAll(groups, (group) => group.close());
    expect([...fake.left].sort()).toEqual([0, 1, 2]);
    expect(fake.lost).toBe(0);
  });

  it('refuses an operation that another rank does not call', async () => {
    const groups = fakeMpiGroup(2);
    const results = await Promise.allSettled(
      groups.map((group) => group.allReduce(new Float32Array(group.rank === 0 ? 4 : 5))),
    );
    const texts = endings(results);
    expect(texts.join('\n')).toContain('operation 0, allReduce sum of 16 bytes of float32');
    expect(texts.join('\n')).toContain('of 20 bytes');
    expect(texts).not.toContain('done');
  });

  it("names a rank that stands still, and leaves without MPI's end, which would wait for it", async () => {
    const fake = new FakeMpi();
    const limits = { beatMs: 10, silenceMs: 100, graceMs: 10 };
    const groups = fakeMpiGroup(3, { fake, limits });
    await onAll(groups, (group) => group.barrier());
    fake.silence(1);
    const [first, , last] = groups;
    const results = await Promise.allSettled([first?.barrier(), last?.barrier()]);
    for (const text of endings(results)) expect(text).toContain('Rank 1 was lost: nothing was heard of it');
    await Promise.all([first?.abort('it failed'), last?.close()]);
    expect(fake.left.size).toBe(0);
  });

  it('tells all others who ended it and why', async () => {
    const groups = fakeMpiGroup(3);
    const results = await Promise.allSettled(
      groups.map((group) => (group.rank === 2 ? group.abort('its rows are wrong') : group.barrier())),
    );
    for (const rank of [0, 1]) {
      expect(endings(results)[rank]).toContain('Rank 2 ended the group: its rows are wrong');
    }
  });
});
