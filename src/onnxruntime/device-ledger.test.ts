import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { DeviceLedger, type DeviceUse } from './device-ledger.ts';

const uses = ['weights', 'memory', 'inputs'] as const satisfies readonly DeviceUse[];

function isGiven(take: () => void): boolean {
  try {
    take();
    return true;
  } catch (error) {
    if (error instanceof EspalierError && error.code === 'DEVICE_MEMORY') return false;
    throw error;
  }
}

describe('what is held on a device', () => {
  it('is counted by what it is for', () => {
    const ledger = new DeviceLedger();
    ledger.take({ use: 'weights', bytes: 100, what: 'a base' });
    ledger.take({ use: 'memory', bytes: 20, what: 'keys and values' });
    ledger.take({ use: 'inputs', bytes: 3, what: 'adapters' });
    ledger.giveBack('memory', 20);
    expect(ledger.held()).toEqual({ weights: 100, memory: 0, inputs: 3, total: 103 });
  });

  it('is refused above the limit with what is held, and the refused part is not counted', () => {
    const ledger = new DeviceLedger();
    ledger.limit = 100;
    ledger.take({ use: 'weights', bytes: 90, what: 'a base' });
    expect(() => ledger.take({ use: 'memory', bytes: 11, what: 'keys and values' })).toThrow(
      expect.objectContaining({
        code: 'DEVICE_MEMORY',
        details: expect.objectContaining({ what: 'keys and values', bytes: 11, held: 90 }),
      }),
    );
    ledger.take({ use: 'memory', bytes: 10, what: 'keys and values' });
    expect(ledger.held().total).toBe(100);
  });

  it('is given back if nothing was allocated', () => {
    const ledger = new DeviceLedger();
    const taken = { use: 'memory', bytes: 7, what: 'keys and values' } as const;
    const refused = (): never => {
      throw new RangeError('refused');
    };
    expect(() => ledger.counted(taken, refused)).toThrow('refused');
    expect(ledger.held().total).toBe(0);
    expect(ledger.counted(taken, () => 'a buffer')).toBe('a buffer');
    expect(ledger.held().total).toBe(7);
  });

  it('never exceeds the limit, and is the sum of what was taken and not given back', () => {
    const step = fc.record({ use: fc.constantFrom(...uses), bytes: fc.nat(50), back: fc.boolean() });
    fc.assert(
      fc.property(fc.nat(200), fc.array(step, { maxLength: 40 }), (limit, steps) => {
        const ledger = new DeviceLedger();
        ledger.limit = limit;
        const taken: { use: DeviceUse; bytes: number }[] = [];
        for (const { use, bytes, back } of steps) {
          const last = back ? taken.pop() : undefined;
          if (last) ledger.giveBack(last.use, last.bytes);
          const sum = taken.reduce((total, each) => total + each.bytes, 0);
          const isTaken = isGiven(() => ledger.take({ use, bytes, what: 'a test' }));
          expect(isTaken).toBe(sum + bytes <= limit);
          if (isTaken) taken.push({ use, bytes });
          for (const each of uses) {
            const own = taken.filter((one) => one.use === each);
            expect(ledger.held()[each]).toBe(own.reduce((total, one) => total + one.bytes, 0));
          }
        }
      }),
    );
  });
});
