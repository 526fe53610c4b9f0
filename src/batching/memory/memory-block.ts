import type { NativeMemory } from '../../native/index.ts';

/** A part of a memory, for the buffers of one run. */
export interface MemoryBlock {
  readonly memory: NativeMemory;
  readonly byteOffset: number;
  /** Whether the next run of this lane gets the same place, so that its bindings can be kept. */
  readonly isSteady: boolean;
  release(): void;
}
