import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { asDiskError, assertRoom } from './disk-room.ts';

const needed = { name: 'org/name', folder: tmpdir(), bytes: 2.5e18 };

describe('a disk', () => {
  it('that cannot hold a download is told of before it begins', async () => {
    await expect(assertRoom(needed)).rejects.toMatchObject({ code: 'HUB_DISK_FULL' });
    await expect(assertRoom(needed)).rejects.toThrow(/2500000.0 TB more are needed/);
    await expect(assertRoom({ ...needed, bytes: 1 })).resolves.toBeUndefined();
  });

  it.each(['ENOSPC', 'EDQUOT'])('that fills up meanwhile is the same error: %s', (code) => {
    const error = Object.assign(new Error('write'), { code });
    expect(asDiskError(error, needed)).toMatchObject({ code: 'HUB_DISK_FULL', cause: error });
  });

  it('that fails otherwise says so itself', () => {
    const error = Object.assign(new Error('write'), { code: 'EIO' });
    expect(asDiskError(error, needed)).toBe(error);
  });
});
