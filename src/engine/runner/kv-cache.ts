import { Pace } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor } from '../../onnxruntime/index.ts';
import type { ModelConfig } from '../../models/index.ts';
import { SlotStates } from './slot-states.ts';
import { slotElements, type KvShape, type PositionShape } from './kv-shape.ts';
import type { KvStore, KvTensors } from './kv-store.ts';
import type { PositionStore, SlotContents, SlotCopy, SlotRange } from './slot-store.ts';

export interface KvLayer {
  readonly key: NativeMemory;
  readonly value: NativeMemory;
}

/** Bytes that are copied between two checks of the clock. */
const pieceBytes = 1 << 20;

/** A row of one array: the keys or values of one head in one slot. */
interface Row {
  readonly memory: NativeMemory;
  /** Which array: each layer's keys, then its values. */
  readonly array: number;
  readonly head: number;
}

/**
 * Keys and values of all sequences, in place: for each layer and each of the two, f32 [slots, kvHeads, maxLength, headDim]. A step
 * reads from and appends to the same arrays, so it copies nothing. Only positions that were written take memory. Beside them lie the
 * recurrent states of the sequences, which a step overwrites.
 *
 * WHY no views of the arrays: one of them may be larger than any view.
 */
export class KvCache implements KvStore {
  readonly shape: KvShape;
  readonly layers: readonly KvLayer[];
  readonly states: SlotStates;
  /** Absent with recurrent states: what they hold of a few positions cannot be told from the rest. */
  readonly positions: PositionStore | undefined;

  constructor(shape: KvShape) {
    this.shape = shape;
    const bytes = shape.slots * slotElements(shape) * 4;
    this.layers = Array.from({ length: shape.layers }, () => ({
      key: NativeMemory.allocate(bytes),
      value: NativeMemory.allocate(bytes),
    }));
    const { slots, states = [] } = shape;
    this.states = new SlotStates(states, slots);
    if (states.length > 0) return;
    this.positions = {
      bytesPerPosition: bytesPerPosition(shape),
      read: (range, target) => this.#eachRow(range, target, (memory, offset, part) => memory.copyTo(part, offset)),
      write: (range, source) => this.#eachRow(range, source, (memory, offset, part) => memory.copyFrom(part, offset)),
    };
  }

  tensorsOver(layer: number, first: number, count: number): KvTensors {
    const arrays = this.layers[layer];
    if (arrays === undefined) throw new RangeError(`there is no layer ${layer}`);
    const { kvHeads, maxLength, headDim } = this.shape;
    const offset = first * slotElements(this.shape) * 4;
    const over = (memory: NativeMemory): OrtTensor =>
      OrtTensor.over(memory, 'float32', [count, kvHeads, maxLength, headDim], offset);
    return { key: over(arrays.key), value: over(arrays.value) };
  }

  /** Every slot is in its place. */
  reserve(): undefined {
    return undefined;
  }

  enter(): undefined {
    return undefined;
  }

  async copy({ from, to, length }: SlotCopy): Promise<void> {
    await this.#eachPiece(length, ({ memory, head }, start, byteLength) => {
      const [source, target] = [this.#offset(from, head) + start, this.#offset(to, head) + start];
      memory.copyWithin({ source, target, byteLength });
    });
    this.states.copy(from, to);
  }

  /** One part for each array: [kvHeads, length, headDim], then one for each state. */
  async export(slot: number, length: number): Promise<SlotContents> {
    const rowBytes = this.#bytes(length);
    const parts = Array.from({ length: 2 * this.shape.layers }, () => new Uint8Array(this.shape.kvHeads * rowBytes));
    await this.#eachPiece(length, ({ memory, array, head }, start, byteLength) => {
      const first = head * rowBytes + start;
      const target = parts[array]?.subarray(first, first + byteLength);
      if (target) memory.copyTo(target, this.#offset(slot, head) + start);
    });
    return { length, parts: [...parts, ...this.states.read(slot)] };
  }

  async import(slot: number, { length, parts }: SlotContents): Promise<void> {
    const { layers, kvHeads, maxLength } = this.shape;
    const rowBytes = this.#bytes(length);
    const rows = parts.slice(0, 2 * layers);
    const fits = length <= maxLength && rows.length === 2 * layers && this.states.fit(parts.slice(2 * layers));
    if (!fits || rows.some(({ byteLength }) => byteLength !== kvHeads * rowBytes)) {
      throw new RangeError(`${parts.length} parts of ${length} positions are not of this cache's form`);
    }
    await this.#eachPiece(length, ({ memory, array, head }, start, byteLength) => {
      const first = head * rowBytes + start;
      const source = parts[array]?.subarray(first, first + byteLength);
      if (source) memory.copyFrom(source, this.#offset(slot, head) + start);
    });
    this.states.write(slot, parts.slice(2 * layers));
  }

  /** Visits the first `length` positions of every row in pieces, and lets other tasks run in between. */
  async #eachPiece(length: number, act: (row: Row, start: number, byteLength: number) => void): Promise<void> {
    const pace = new Pace();
    const rowBytes = this.#bytes(length);
    for (const [layer, { key, value }] of this.layers.entries()) {
      for (const [part, memory] of [key, value].entries()) {
        for (let head = 0; head < this.shape.kvHeads; head++) {
          for (let start = 0; start < rowBytes; start += pieceBytes) {
            act({ memory, array: 2 * layer + part, head }, start, Math.min(pieceBytes, rowBytes - start));
            const turn = pace.step();
            if (turn) await turn;
          }
        }
      }
    }
  }

  /** Visits the same positions of every row. Their bytes are [2 · layers, kvHeads, count, headDim]: each layer's keys, then its values. */
  #eachRow(
    { slot, start, count }: SlotRange,
    bytes: Uint8Array,
    act: (memory: NativeMemory, offset: number, part: Uint8Array) => void,
  ): void {
    const rowBytes = this.#bytes(count);
    let place = 0;
    for (const { key, value } of this.layers) {
      for (const memory of [key, value]) {
        for (let head = 0; head < this.shape.kvHeads; head++) {
          act(memory, this.#offset(slot, head) + this.#bytes(start), bytes.subarray(place, place + rowBytes));
          place += rowBytes;
        }
      }
    }
  }

  #bytes(length: number): number {
    return length * this.shape.headDim * 4;
  }

  #offset(slot: number, head: number): number {
    return this.#bytes((slot * this.shape.kvHeads + head) * this.shape.maxLength);
  }

  dispose(): void {
    for (const { key, value } of this.layers) {
      key.dispose();
      value.dispose();
    }
    this.states.dispose();
  }
}

/** The shape that the cache of a model has, by the model's figures. */
export function positionShapeOf({
  layers,
  kvLayers = layers,
  kvHeads,
  headDim,
  cachedHeadDim = headDim,
}: Pick<ModelConfig, 'layers' | 'kvLayers' | 'kvHeads' | 'headDim' | 'cachedHeadDim'>): PositionShape {
  return { layers: kvLayers, kvHeads, headDim: cachedHeadDim };
}

/**
 * Bytes of the keys and values of one position:
 *
 *   2 · layers · kvHeads · headDim · 4
 */
export function bytesPerPosition({ layers, kvHeads, headDim }: PositionShape): number {
  return 2 * layers * kvHeads * headDim * 4;
}
