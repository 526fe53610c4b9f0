export { type FolderEvent, type FolderWatcher, openFolderWatcher } from './inotify.ts';
export { hasLargeStacks, loadNative } from './load-native.ts';
export { handle, liveHandles, NativeHandle, pointer } from './native-handle.ts';
export { NativeMemory } from './native-memory.ts';
export { openWriters, type OpenWriters } from './open-writers.ts';
export type { Pointer } from './pointer.ts';
export { renameBy, type RenameMode, type RenameOutcome } from './rename.ts';
export { emptyShared, sharedMemory } from './shared-memory.ts';
