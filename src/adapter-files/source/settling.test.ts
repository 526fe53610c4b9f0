import { describe, expect, it } from 'vitest';
import { replacedSettleMs, settleMs, settlingTime } from './settling.ts';
import type { Stamp } from '../../atomic-files/index.ts';

const now = 1_000_000;
/** @param age  of the last change, in milliseconds; the file was created then, unless another age is given */
const stamp = (age: number, modifiedAge = age, bornAge = age): Stamp => ({
  device: 1n,
  inode: 1n,
  size: 1n,
  modifiedNs: BigInt(now - modifiedAge) * 1_000_000n,
  changedNs: BigInt(now - age) * 1_000_000n,
  bornNs: BigInt(now - bornAge) * 1_000_000n,
});
const timeOf = (top: Stamp, files: Stamp[] = [], isIncomplete = false): number =>
  settlingTime({ top, files, isIncomplete }, now);

describe('settlingTime', () => {
  it('is nothing for files that nobody changed lately, whatever happened to the folder', () => {
    expect(timeOf(stamp(5000), [stamp(replacedSettleMs), stamp(replacedSettleMs)])).toBe(0);
    expect(timeOf(stamp(5000), [stamp(settleMs), stamp(settleMs)])).toBe(0);
    expect(timeOf(stamp(1), [stamp(5000), stamp(5000)])).toBe(0);
  });

  it('is what is left of the time since the youngest file', () => {
    expect(timeOf(stamp(5000), [stamp(30), stamp(50)])).toBe(settleMs - 30);
    expect(timeOf(stamp(0), [stamp(0), stamp(0)])).toBe(settleMs);
    expect(timeOf(stamp(40))).toBe(settleMs - 40);
  });

  it.each([
    ['was written to after its creation', [stamp(30, 30, 5000), stamp(30)]],
    ['is older than the other', [stamp(30), stamp(5000)]],
    ['is of a system that knows no times of creation', [{ ...stamp(30), bornNs: 0n }, stamp(30)]],
  ])('is longer where a file %s, as one of an earlier version is', (_, files) => {
    expect(timeOf(stamp(5000), files)).toBe(replacedSettleMs - 30);
    expect(timeOf(stamp(5000), files.toReversed())).toBe(replacedSettleMs - 30);
  });

  it('is longer for one file that was written to after its creation', () => {
    expect(timeOf(stamp(30, 30, 5000))).toBe(replacedSettleMs - 30);
    expect(timeOf(stamp(30, 30, 30 + settleMs))).toBe(settleMs - 30);
  });

  it('is nothing for a folder or file that was renamed after its last change', () => {
    expect(timeOf(stamp(1, 9), [stamp(10), stamp(20)])).toBe(0);
    expect(timeOf(stamp(1, 9))).toBe(0);
  });

  it('counts where a file was changed after the rename, or at the same moment', () => {
    expect(timeOf(stamp(5, 9), [stamp(1), stamp(20)])).toBe(settleMs - 1);
    expect(timeOf(stamp(5, 9), [stamp(5), stamp(20)])).toBe(settleMs - 5);
  });

  it('counts from the folder where a file is missing that may be about to come', () => {
    expect(timeOf(stamp(10), [stamp(50)], true)).toBe(settleMs - 10);
    expect(timeOf(stamp(1, 9), [stamp(10)], true)).toBe(settleMs - 1);
    expect(timeOf(stamp(5000), [], true)).toBe(0);
  });

  it('is the whole time where the last change lies in the future', () => {
    expect(timeOf(stamp(-60_000), [stamp(-60_000)])).toBe(settleMs);
  });
});
