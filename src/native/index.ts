export { handle, liveHandles, NativeHandle, pointer } from './native-handle.ts';
export { NativeMemory } from './native-memory.ts';
export type { Pointer } from './pointer.ts';
export { renameBy, type RenameMode, type RenameOutcome } from './rename.ts';
