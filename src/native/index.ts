export { handle, liveHandles, NativeHandle, pointer } from './native-handle.ts';
export { NativeMemory } from './native-memory.ts';
export type { Pointer } from './pointer.ts';
