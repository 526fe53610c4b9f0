import type { OrtTensor, TensorMemory } from '../../onnxruntime/index.ts';
import type { KvShape } from './kv-shape.ts';
import type { SlotStates } from './slot-states.ts';
import type { SlotStore } from './slot-store.ts';

/** The slots [first, first + count) of a run. */
export interface RunSlots {
  readonly first: number;
  readonly count: number;
  /** Whether the run reads nothing of what is in them. */
  readonly isEmpty: boolean;
}

/** f32 [count, kvHeads, maxLength, headDim] each */
export interface KvTensors {
  readonly key: OrtTensor<TensorMemory>;
  readonly value: OrtTensor<TensorMemory>;
}

/** Keys and values of all slots, which the decode graph reads and appends to in place. */
export interface KvStore extends SlotStore {
  readonly shape: KvShape;
  /** The recurrent states of the slots, in the memory of the host. */
  readonly states: SlotStates;
  /** The memory that a run of these slots reads and writes. The caller disposes the tensors. */
  tensorsOver(layer: number, first: number, count: number): KvTensors;
  /** Allocates what `tensorsOver` needs for these slots. @throws EspalierError DEVICE_MEMORY */
  reserve(first: number, count: number): Promise<void> | undefined;
  /** Makes that memory hold the slots. Called before each run that is bound to it. */
  enter(slots: RunSlots): Promise<void> | undefined;
  dispose(): void;
}
