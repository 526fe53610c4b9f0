import { expect, it, vi } from 'vitest';
import { NativeHandle } from '../native/index.ts';
import { DeviceLane } from './device-lane.ts';
import { deviceHeld } from './device-ledger.ts';
import { DeviceMemory } from './device-memory.ts';

const released: bigint[] = [];

vi.mock('./ffi/ort.ts', () => ({
  ort: () => ({
    api: {
      CreateTensorAsOrtValue: (...args: readonly unknown[]) => {
        (args.at(-1) as BigUint64Array)[0] = 7n;
      },
      GetTensorMutableData: () => {
        throw new RangeError('no address');
      },
      ReleaseValue: (value: bigint) => released.push(value),
    },
  }),
  receive: (call: (result: BigUint64Array) => void) => {
    const result = new BigUint64Array(1);
    call(result);
    return result[0];
  },
}));

it('gives an allocation back that has no address, and counts it no more', async () => {
  const session = new NativeHandle('session', () => undefined);
  const names = new Set<string>();
  const heap = { info: 1n, environment: 2n, lane: new DeviceLane(), inputs: names, outputs: names, allocator: 3n };
  const allocated = DeviceMemory.allocate(
    { ...heap, release: () => undefined },
    { session, byteLength: 12, what: 'keys and values' },
  );
  await expect(allocated).rejects.toThrow('no address');
  expect(released).toEqual([7n]);
  expect(deviceHeld().total).toBe(0);
  session.dispose();
});
