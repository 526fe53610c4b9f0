import { describe, expect, it } from 'vitest';
import type { LoraModule } from './inject-lora.ts';
import { canStack } from './stack-lanes.ts';

const module = { kind: 'linear', in: 64, out: 64 } as const;
const plain: LoraModule = { path: 'a', rank: 4, scaling: 2 };

describe('adapters of several lanes', () => {
  it('are one product if they are plain, small and of one form', () => {
    expect(canStack(module, [plain, { ...plain }])).toBe(true);
    const others: (LoraModule | undefined)[] = [
      undefined,
      { ...plain, rank: 8 },
      { ...plain, scaling: 1 },
      { ...plain, dropout: 0.1 },
      { ...plain, hasBias: true },
    ];
    for (const other of others) expect(canStack(module, [plain, other])).toBe(false);
    expect(canStack(module, [plain])).toBe(false);
    expect(canStack({ ...module, in: 2 ** 15 }, [plain, plain])).toBe(false);
    expect(canStack({ ...module, kind: 'embedding' }, [plain, plain])).toBe(false);
  });
});
