export { formatBytes, isDiskFull } from './disk-full.ts';
export { acquireLock, lockOutput, type LockOptions, type Wait } from './file-lock.ts';
export { syncFolder } from './flush.ts';
export { assertFree, pathExists } from './path-exists.ts';
export { publishFolder, StagedFolder, type StagedFolderOptions } from './staged-folder.ts';
export { writeAtomically, type WriteAtomicallyOptions } from './write-atomically.ts';
export { isSameFile, isUnchanged, type Stamp, stampOf } from './stamp.ts';
