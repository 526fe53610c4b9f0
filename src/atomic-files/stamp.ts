import type { BigIntStats } from 'node:fs';

/** What tells two states of a file or folder apart without reading it. */
export interface Stamp {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
  /** Last change of the content, as far as nobody set it otherwise. */
  readonly modifiedNs: bigint;
  /** Last change of the content, the name or the attributes; nobody can set it. */
  readonly changedNs: bigint;
}

export function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Stamp {
  return { device: dev, inode: ino, size, modifiedNs: mtimeNs, changedNs: ctimeNs };
}

/** Whether two stamps are of one file, whatever its content. */
export function isSameFile(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.device === b?.device && a?.inode === b?.inode;
}

/** Whether nothing happened to a file between two stamps. Two missing files are equal. */
export function isUnchanged(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return isSameFile(a, b) && a?.size === b?.size && a?.modifiedNs === b?.modifiedNs && a?.changedNs === b?.changedNs;
}
