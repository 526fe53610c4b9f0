import { statfs } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';
import { formatBytes, isDiskFull } from '../atomic-files/index.ts';

/** An existing folder, and the bytes that are to be written to its disk. */
export interface RoomNeeded {
  readonly name: string;
  readonly folder: string;
  readonly bytes: number;
}

/**
 * Checks, before a download begins, that the disk has room for it.
 * @throws EspalierError HUB_DISK_FULL
 */
export async function assertRoom(needed: RoomNeeded): Promise<void> {
  const disk = await statfs(needed.folder).catch(() => undefined);
  if (disk !== undefined && disk.bavail * disk.bsize < needed.bytes) throw diskFull(needed, disk.bavail * disk.bsize);
}

/** Converts the error of a write: a full disk gets its own code, other errors are not changed. */
export function asDiskError(error: unknown, needed: RoomNeeded): unknown {
  return isDiskFull(error) ? diskFull(needed, 0, error) : error;
}

function diskFull({ name, folder, bytes }: RoomNeeded, free: number, cause?: unknown): EspalierError {
  return new EspalierError(
    'HUB_DISK_FULL',
    { name, folder, needed: formatBytes(bytes), free: formatBytes(free) },
    { cause },
  );
}
