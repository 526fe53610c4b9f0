import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { type DeviceNeeds, planDeviceRoom } from './device-room.ts';

const wanted: DeviceNeeds = {
  limit: 1000 + 9 * 100 + 17 * 10,
  held: 0,
  weights: 1000,
  bytesPerSlot: 100,
  slots: 8,
  mostSlots: 16,
  bytesPerRow: 10,
  rows: 16,
  mostRows: 64,
};

function refusalOf(needs: DeviceNeeds): EspalierError | undefined {
  try {
    planDeviceRoom(needs);
    return undefined;
  } catch (error) {
    if (EspalierError.isInstance(error)) return error;
    throw error;
  }
}

describe('planDeviceRoom', () => {
  it('takes what just fits: weights, keys and values with the stage, and adapters with the row of zeros', () => {
    expect(planDeviceRoom(wanted)).toEqual({ slots: 8, rows: 16, bytes: 2070 });
  });

  it('refuses a byte more, with numbers', () => {
    expect(refusalOf({ ...wanted, limit: wanted.limit - 1, held: 0 })?.commandLineMessage).toBe(
      'The device gave no 2070 bytes of memory for weights (1000), keys and values of 8 requests at once (900) and adapters of 16 ranks (170): ' +
        '--device-memory is 2069 bytes. Espalier holds 0 bytes there. Ask for less, or free memory of the device.',
    );
    expect(refusalOf({ ...wanted, held: 1 })?.details).toMatchObject({ held: 1, bytes: 2070 });
  });

  it('counts no stage for one slot, whose prompts run in place', () => {
    expect(planDeviceRoom({ ...wanted, slots: 1 }).bytes).toBe(1000 + 100 + 170);
  });

  it('reduces ranks that nobody asked for, and slots that nobody asked for, but not below one', () => {
    expect(planDeviceRoom({ ...wanted, rows: undefined }).rows).toBe(16);
    expect(planDeviceRoom({ ...wanted, rows: undefined, limit: 10_000 }).rows).toBe(64);
    expect(planDeviceRoom({ ...wanted, slots: undefined }).slots).toBe(8);
    expect(planDeviceRoom({ ...wanted, slots: undefined, limit: 10_000 }).slots).toBe(16);
    expect(refusalOf({ ...wanted, slots: undefined, rows: undefined, limit: 1100 })?.message).toContain(
      'values of 1 requests at once (100) and adapters of 1 ranks (20)',
    );
  });

  it('leaves a third of what the weights leave to adapters where nothing was asked for', () => {
    const room = planDeviceRoom({ ...wanted, slots: undefined, rows: undefined, limit: 1000 + 900 });
    expect(room).toEqual({ slots: 5, rows: 29, bytes: 1900 });
  });

  it('gives an engine without adapters all of it for keys and values', () => {
    const needs = { ...wanted, slots: undefined, rows: undefined, bytesPerRow: 0, limit: 1000 + 900 };
    expect(planDeviceRoom(needs)).toEqual({ slots: 8, rows: 64, bytes: 1900 });
  });

  it('never plans beyond the limit, keeps what was asked for, and refuses only what cannot fit', () => {
    const size = fc.nat(500);
    const asked = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });
    const needs = fc.record({
      limit: fc.nat(20_000),
      held: size,
      weights: size,
      bytesPerSlot: size,
      slots: asked,
      mostSlots: fc.integer({ min: 1, max: 16 }),
      bytesPerRow: size,
      rows: asked,
      mostRows: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(needs, (one) => {
        const { limit, held, weights, bytesPerSlot, bytesPerRow } = one;
        const [asked, ranks] = [one.slots ?? 1, one.rows ?? 1];
        const least = weights + bytesPerSlot * (asked > 1 ? asked + 1 : 1) + bytesPerRow * (ranks + 1);
        expect(refusalOf(one) !== undefined).toBe(held + least > limit);
        if (held + least > limit) return;
        const { slots, rows, bytes } = planDeviceRoom(one);
        expect(held + bytes).toBeLessThanOrEqual(limit);
        expect(slots).toBe(one.slots ?? slots);
        expect(rows).toBe(one.rows ?? rows);
        expect(slots).toBeLessThanOrEqual(Math.max(one.mostSlots, one.slots ?? 0));
        expect(rows).toBeLessThanOrEqual(Math.max(one.mostRows, one.rows ?? 0));
        expect(Math.min(slots, rows)).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });
});
