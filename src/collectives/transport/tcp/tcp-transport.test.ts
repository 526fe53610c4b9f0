import { describe, expect, it } from 'vitest';
import { describeProcessGroup } from '../../testing/describe-process-group.ts';
import { groupHere, onAll } from '../../testing/group-here.ts';
import { ProcessGroup } from '../../process-group.ts';
import { aloneTransport } from '../alone.ts';

describeProcessGroup('nothing', () => Promise.resolve([new ProcessGroup(aloneTransport())]), [1]);
describeProcessGroup('tcp', groupHere, [2, 3, 4, 7]);

describe('a group over tcp', () => {
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
