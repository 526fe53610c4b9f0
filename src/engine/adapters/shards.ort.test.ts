import { describe, expect, it } from 'vitest';
import type { ModuleWeights } from '../../lora/index.ts';
import { pageAllocator } from '../../native/pages.ts';
import { tensorOf } from '../../tensor/index.ts';
import { prepareAdapter } from './prepare-adapter.ts';

const matrix = (rows: number, columns: number): ReturnType<typeof tensorOf<'float32'>> =>
  tensorOf('float32', [rows, columns], new Float32Array(rows * columns).fill(0.5));

describe('the shard table of a prepared adapter', () => {
  it('names the tensor and its place in the file, and covers its memory from the first page on', async () => {
    const module = {
      rank: 3,
      scaling: 1,
      a: matrix(3, 5),
      b: matrix(7, 3),
      bias: tensorOf('float32', [7], Array(7).fill(1)),
    };
    const config = { rank: 3, alpha: 3, dropout: 0, targetModules: ['m', 'n'] };
    const modules = new Map<string, ModuleWeights>([
      ['m', module],
      ['n', { rank: 3, scaling: 1, a: matrix(3, 5), b: matrix(7, 3) }],
    ]);
    const places = new Map([[module.a, { tensor: 'm.lora_A.weight', offset: 96 }]]);
    const adapter = { config, modules, places, baseName: undefined, digest: 'digest' };
    const weights = await prepareAdapter('x', adapter, { bytePaths: new Set(['n']), unit: 2 });
    try {
      const shards = weights.shards();
      const { address } = weights.memory;
      expect(address % BigInt(pageAllocator().pageBytes)).toBe(0n);
      expect(
        shards.map(({ tensor, fileOffset, bytes, alignedBytes }) => [tensor, fileOffset, bytes, alignedBytes]),
      ).toEqual([
        ['m.lora_A.weight', 96, 60, 60],
        ['m B', undefined, 84, 84],
        ['m bias', undefined, 28, 28],
        ['n A', undefined, 20, 20],
        ['n B', undefined, 21, 24],
        ['n scales', undefined, 12, 12],
      ]);
      let end = address;
      for (const shard of shards) {
        expect(shard.address).toBe(end);
        end += BigInt(shard.alignedBytes);
      }
      expect(Number(end - address)).toBe(weights.bytes);
      expect(weights.modules.get('n')?.scales).toBe(Number((shards[5]?.address ?? 0n) - address));
    } finally {
      weights.dispose();
    }
  });
});
