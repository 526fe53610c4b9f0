import { NativeMemory } from '../../native/index.ts';
import { OrtTensor } from '../../onnxruntime/index.ts';

/**
 * The recurrent states of all slots: for each state, f32 [slots, ...shape]. A state holds all tokens of its slot, so it is copied whole.
 * The graph ignores what lies in a slot when a sequence begins there.
 */
export class SlotStates {
  readonly #shapes: readonly (readonly number[])[];
  readonly #memories: readonly NativeMemory[];

  /** @param shapes  of one slot */
  constructor(shapes: readonly (readonly number[])[], slots: number) {
    this.#shapes = shapes;
    this.#memories = shapes.map((shape) => NativeMemory.allocate(slots * bytesOf(shape)));
  }

  get count(): number {
    return this.#shapes.length;
  }

  /** The slots [first, first + count) of one state, as a tensor over its memory. */
  tensorOver(state: number, first: number, count: number): OrtTensor {
    const [shape, memory] = [this.#shapes[state], this.#memories[state]];
    if (shape === undefined || memory === undefined) throw new RangeError(`there is no state ${state}`);
    return OrtTensor.over(memory, 'float32', [count, ...shape], first * bytesOf(shape));
  }

  copy(from: number, to: number): void {
    this.#each((memory, byteLength) =>
      memory.copyWithin({ source: from * byteLength, target: to * byteLength, byteLength }),
    );
  }

  /** One part for each state. */
  read(slot: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    this.#each((memory, byteLength) => {
      const part = new Uint8Array(byteLength);
      memory.copyTo(part, slot * byteLength);
      parts.push(part);
    });
    return parts;
  }

  /** Whether the parts have the form that `read` gives. */
  fit(parts: readonly Uint8Array[]): boolean {
    return (
      parts.length === this.count && this.#shapes.every((shape, state) => parts[state]?.byteLength === bytesOf(shape))
    );
  }

  write(slot: number, parts: readonly Uint8Array[]): void {
    this.#each((memory, byteLength, state) => {
      const part = parts[state];
      if (part) memory.copyFrom(part, slot * byteLength);
    });
  }

  #each(act: (memory: NativeMemory, byteLength: number, state: number) => void): void {
    for (const [state, memory] of this.#memories.entries()) act(memory, bytesOf(this.#shapes[state] ?? []), state);
  }

  dispose(): void {
    for (const memory of this.#memories) memory.dispose();
  }
}

function bytesOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 4);
}

/** Bytes of the states of one slot. */
export function stateBytes(shapes: readonly (readonly number[])[] = []): number {
  return shapes.reduce((sum, shape) => sum + bytesOf(shape), 0);
}
