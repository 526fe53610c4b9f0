import { NativeMemory } from '../../native/index.ts';
import { type DeviceMemory, type Environment, OrtTensor, type Session } from '../../onnxruntime/index.ts';
import { type KvShape, slotElements } from './kv-shape.ts';
import type { KvStore, KvTensors, RunSlots } from './kv-store.ts';
import { type BoundMoves, SlotMoves } from './slot-moves.ts';
import { SlotStates } from './slot-states.ts';
import type { SlotContents, SlotCopy } from './slot-store.ts';

export interface DeviceKvOptions {
  /** The session of the decode graph, which reads and writes keys and values on its device. */
  readonly session: Session;
  readonly environment: Environment;
}

/** Rows beside the arrays: the place of slots that do not begin at the first one. */
interface Stage {
  readonly memories: readonly DeviceMemory[];
  readonly moves: BoundMoves;
}

/**
 * Keys and values on a device: for each layer and each of the two, f32 [slots, kvHeads, maxLength, headDim]. A run of slots from the
 * first one on, as every decode step is, reads and appends in place. A tensor cannot begin within a buffer of a device, so a run of other
 * slots (a prefill) has a stage: memory of as many slots, to which they are copied on the device before the run, and from which they are
 * copied back when another run needs them or the stage. The chunks of one prompt follow one another on the stage.
 *
 * There are no copies of single positions, so that nothing of earlier prompts can be kept.
 */
export class DeviceKvCache implements KvStore {
  readonly noPositions = 'no prompts are kept while keys and values are on a device';
  readonly shape: KvShape;
  readonly states: SlotStates;
  readonly #session: Session;
  readonly #arrays: readonly DeviceMemory[];
  readonly #moves: SlotMoves;
  /** By the number of their slots. */
  readonly #stages = new Map<number, Stage>();
  /** What is on a stage and not in the arrays. */
  #staged: { readonly stage: Stage; readonly first: number; readonly count: number } | undefined;

  /** @throws EspalierError DEVICE_MEMORY */
  static async open(shape: KvShape, { session, environment }: DeviceKvOptions): Promise<DeviceKvCache> {
    const size = slotElements(shape);
    const arrays = await allocateAll(session, { count: 2 * shape.layers, bytes: shape.slots * size * 4 });
    try {
      const moves = await SlotMoves.open(environment, { arrays: arrays.length, slots: shape.slots, size });
      const cache = new DeviceKvCache(shape, { session, arrays, moves });
      try {
        // WHY now: what does not fit is told when the engine opens, not at the first prompt.
        if (shape.slots > 1) await cache.#stageOf(1);
        return cache;
      } catch (error) {
        cache.#moves.dispose();
        cache.states.dispose();
        throw error;
      }
    } catch (error) {
      disposeAll(arrays);
      throw error;
    }
  }

  private constructor(
    shape: KvShape,
    parts: { readonly session: Session; readonly arrays: readonly DeviceMemory[]; readonly moves: SlotMoves },
  ) {
    this.shape = shape;
    this.states = new SlotStates(shape.states ?? [], shape.slots);
    this.#session = parts.session;
    this.#arrays = parts.arrays;
    this.#moves = parts.moves;
  }

  tensorsOver(layer: number, first: number, count: number): KvTensors {
    const { kvHeads, maxLength, headDim } = this.shape;
    const memories = first === 0 ? this.#arrays : this.#stages.get(count)?.memories;
    const [key, value] = [memories?.[2 * layer], memories?.[2 * layer + 1]];
    if (key === undefined || value === undefined) throw new RangeError(`there is no place for ${count} slots`);
    const over = (memory: DeviceMemory): OrtTensor<DeviceMemory> =>
      OrtTensor.over(memory, 'float32', [count, kvHeads, maxLength, headDim]);
    return { key: over(key), value: over(value) };
  }

  async reserve(first: number, count: number): Promise<void> {
    if (first > 0) await this.#stageOf(count);
  }

  enter({ first, count, isEmpty }: RunSlots): Promise<void> | undefined {
    const staged = this.#staged;
    if (first === 0) return staged && staged.first < count ? this.#unstage() : undefined;
    if (staged?.first === first && staged.count === count) return undefined;
    return this.#enterStage({ first, count, isEmpty });
  }

  async #enterStage({ first, count, isEmpty }: RunSlots): Promise<void> {
    await this.#unstage();
    const stage = await this.#stageOf(count);
    if (!isEmpty) await stage.moves.load(first);
    this.#staged = { stage, first, count };
  }

  /** Copies what is on a stage to its place. If it fails, it is still on the stage. */
  async #unstage(): Promise<void> {
    const staged = this.#staged;
    if (staged === undefined) return;
    await staged.stage.moves.store(staged.first);
    this.#staged = undefined;
  }

  async #stageOf(count: number): Promise<Stage> {
    const known = this.#stages.get(count);
    if (known) return known;
    const bytes = count * slotElements(this.shape) * 4;
    const memories = await allocateAll(this.#session, { count: this.#arrays.length, bytes });
    try {
      const stage = { memories, moves: this.#moves.between(this.#arrays, memories, count) };
      this.#stages.set(count, stage);
      return stage;
    } catch (error) {
      disposeAll(memories);
      throw error;
    }
  }

  /** Copies the whole slot, on the device. */
  async copy({ from, to }: SlotCopy): Promise<void> {
    await this.#unstage();
    const { moves } = await this.#stageOf(1);
    await moves.load(from);
    await moves.store(to);
    this.states.copy(from, to);
  }

  /** One part for each array: [kvHeads, length, headDim], then one for each state. */
  async export(slot: number, length: number): Promise<SlotContents> {
    await this.#unstage();
    const { memories, moves } = await this.#stageOf(1);
    await moves.load(slot);
    const { kvHeads } = this.shape;
    const [whole, taken] = [this.#bytes(this.shape.maxLength), this.#bytes(length)];
    using host = NativeMemory.allocate(kvHeads * whole);
    const parts: Uint8Array[] = [];
    for (const memory of memories) {
      await memory.copyTo(host);
      const part = new Uint8Array(kvHeads * taken);
      for (let head = 0; head < kvHeads; head++)
        host.copyTo(part.subarray(head * taken, (head + 1) * taken), head * whole);
      parts.push(part);
    }
    return { length, parts: [...parts, ...this.states.read(slot)] };
  }

  async import(slot: number, { length, parts }: SlotContents): Promise<void> {
    const { layers, kvHeads, maxLength } = this.shape;
    const [whole, taken] = [this.#bytes(maxLength), this.#bytes(length)];
    const rows = parts.slice(0, 2 * layers);
    const fits = length <= maxLength && rows.length === 2 * layers && this.states.fit(parts.slice(2 * layers));
    if (!fits || rows.some(({ byteLength }) => byteLength !== kvHeads * taken)) {
      throw new RangeError(`${parts.length} parts of ${length} positions are not of this cache's form`);
    }
    await this.#unstage();
    const { memories, moves } = await this.#stageOf(1);
    using host = NativeMemory.allocate(kvHeads * whole);
    for (const [array, memory] of memories.entries()) {
      for (let head = 0; head < kvHeads; head++) {
        const part = rows[array]?.subarray(head * taken, (head + 1) * taken);
        if (part) host.copyFrom(part, head * whole);
      }
      await memory.copyFrom(host);
    }
    await moves.store(slot);
    this.states.write(slot, parts.slice(2 * layers));
  }

  #bytes(length: number): number {
    return length * this.shape.headDim * 4;
  }

  dispose(): void {
    for (const { memories, moves } of this.#stages.values()) {
      moves.dispose();
      disposeAll(memories);
    }
    this.#moves.dispose();
    disposeAll(this.#arrays);
    this.states.dispose();
  }
}

async function allocateAll(
  session: Session,
  { count, bytes }: { readonly count: number; readonly bytes: number },
): Promise<DeviceMemory[]> {
  const memories: DeviceMemory[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const memory = await session.allocateOnDevice(bytes, 'keys and values');
      if (memory === undefined) throw new TypeError('the session reads nothing on a device');
      memories.push(memory);
    }
    return memories;
  } catch (error) {
    disposeAll(memories);
    throw error;
  }
}

function disposeAll(memories: readonly DeviceMemory[]): void {
  for (const memory of memories) memory.dispose();
}
