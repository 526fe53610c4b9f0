import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../floats.ts';
import { describeProcessGroup } from '../../testing/describe-process-group.ts';
import { groupHere, onAll } from '../../testing/group-here.ts';
import { ProcessGroup } from '../../process-group.ts';
import { aloneTransport } from '../alone.ts';

describeProcessGroup('nothing', () => Promise.resolve([new ProcessGroup(aloneTransport())]), [1]);
describeProcessGroup('tcp', (worldSize) => groupHere(worldSize, { plane: 'system' }), [2, 3, 4, 7]);
describeProcessGroup("tcp, through Node's streams", (worldSize) => groupHere(worldSize, { plane: 'node' }), [2, 3]);

describe('a group over tcp', () => {
  it('ends in the same bytes through the sockets of the system and of Node', async () => {
    const sums = [];
    for (const plane of ['system', 'node'] as const) {
      const groups = await groupHere(3, { plane });
      const [values] = await onAll(groups, async (group) => {
        const values = Float32Array.from({ length: 200_001 }, (_, i) => Math.sin(i * (group.rank + 1)) * 10 ** (i % 7));
        await group.allReduce(values);
        return values;
      });
      sums.push(bytesOf(values ?? new Float32Array()));
      await onAll(groups, (group) => group.close());
    }
    const [system = new Uint8Array(), node = new Uint8Array()] = sums;
    expect(system.byteLength).toBe(800_004);
    expect(Buffer.compare(system, node)).toBe(0);
  });

  it('refuses an operation that another rank does not call', async () => {
    const groups = await groupHere(2);
    const results = await Promise.allSettled(
      groups.map(async (group) => {
        if (group.rank === 0) await group.allReduce(new Float32Array(4));
        else await group.allReduce(new Float32Array(5));
      }),
    );
    const texts = results.map((result) => (result.status === 'rejected' ? String(result.reason) : 'done'));
    expect(texts.join('\n')).toContain('operation 0, allReduce sum of 16 bytes of float32');
    expect(texts.join('\n')).toContain('of 20 bytes');
    expect(texts).not.toContain('done');
    await onAll(groups, (group) => group.close());
  });

  it('tells all others who ended it and why, also those that wait', async () => {
    const groups = await groupHere(3);
    const results = await Promise.allSettled(
      groups.map(async (group) => {
        if (group.rank === 2) return group.abort('its rows are wrong');
        await group.barrier();
      }),
    );
    for (const [rank, result] of results.entries()) {
      if (rank === 2) continue;
      expect(result.status === 'rejected' && String(result.reason)).toContain(
        'Rank 2 ended the group: its rows are wrong',
      );
    }
  });
});
