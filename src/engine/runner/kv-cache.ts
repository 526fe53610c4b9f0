import { Pace } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor } from '../../runtime/index.ts';

export interface KvShape {
  readonly layers: number;
  readonly slots: number;
  readonly kvHeads: number;
  readonly maxLength: number;
  readonly headDim: number;
}

export interface KvLayer {
  readonly key: NativeMemory;
  readonly value: NativeMemory;
}

/**
 * Keys and values of all sequences, in place: for each layer and each of the two, f32 [slots, kvHeads, maxLength, headDim].
 * A step reads and appends in the same arrays, so it copies nothing. Memory is taken only for positions that were written.
 */
export class KvCache {
  readonly shape: KvShape;
  readonly layers: readonly KvLayer[];

  constructor(shape: KvShape) {
    this.shape = shape;
    const bytes = shape.slots * slotElements(shape) * 4;
    this.layers = Array.from({ length: shape.layers }, () => ({
      key: NativeMemory.allocate(bytes),
      value: NativeMemory.allocate(bytes),
    }));
  }

  /** The slots [first, first + count) of one array, as a tensor over its memory. */
  tensorOver(memory: NativeMemory, first: number, count: number): OrtTensor {
    const { kvHeads, maxLength, headDim } = this.shape;
    const offset = first * slotElements(this.shape) * 4;
    return OrtTensor.over(memory, 'float32', [count, kvHeads, maxLength, headDim], offset);
  }

  /** Copies the first `length` positions of a slot to another slot. Must not be called during a run. */
  async move({
    from,
    to,
    length,
  }: {
    readonly from: number;
    readonly to: number;
    readonly length: number;
  }): Promise<void> {
    const pace = new Pace();
    for (const layer of this.layers) {
      for (const memory of [layer.key, layer.value]) {
        this.#moveArray(memory.float32(), { from, to, length });
        const turn = pace.step();
        if (turn) await turn;
      }
    }
  }

  #moveArray(array: Float32Array, { from, to, length }: { from: number; to: number; length: number }): void {
    const { kvHeads, maxLength, headDim } = this.shape;
    for (let head = 0; head < kvHeads; head++) {
      const source = (from * kvHeads + head) * maxLength * headDim;
      const target = (to * kvHeads + head) * maxLength * headDim;
      array.copyWithin(target, source, source + length * headDim);
    }
  }

  dispose(): void {
    for (const { key, value } of this.layers) {
      key.dispose();
      value.dispose();
    }
  }
}

function slotElements({ kvHeads, maxLength, headDim }: KvShape): number {
  return kvHeads * maxLength * headDim;
}
