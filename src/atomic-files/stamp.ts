import type { BigIntStats } from 'node:fs';

/** Distinguishes two states of a file or folder without reading its content. */
export interface Stamp {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
  /** Time of the last change of the content (mtime). Programs can set it. */
  readonly modifiedNs: bigint;
  /** Time of the last change of the content, the name or the attributes (ctime). Programs cannot set it. */
  readonly changedNs: bigint;
  /** When the file was created; 0 where the file system does not say. */
  readonly bornNs: bigint;
}

export function stampOf({ dev, ino, size, mtimeNs, ctimeNs, birthtimeNs }: BigIntStats): Stamp {
  return { device: dev, inode: ino, size, modifiedNs: mtimeNs, changedNs: ctimeNs, bornNs: birthtimeNs };
}

/** Whether two stamps belong to the same file, whatever its content. */
export function isSameFile(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.device === b?.device && a?.inode === b?.inode;
}

/** Whether a file did not change between two stamps. Two missing files count as unchanged. */
export function isUnchanged(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return isSameFile(a, b) && a?.size === b?.size && a?.modifiedNs === b?.modifiedNs && a?.changedNs === b?.changedNs;
}
