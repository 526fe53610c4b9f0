import { createModel, encodeModel, Tape } from '../../ir/index.ts';
import { NativeMemory } from '../../native/index.ts';
import {
  type Environment,
  type IoBinding,
  OrtTensor,
  type Session,
  type TensorMemory,
} from '../../onnxruntime/index.ts';

/** Arrays f32 [slots, size] on a device, and arrays f32 [count, size] beside them. */
export interface MoveShape {
  readonly arrays: number;
  readonly slots: number;
  readonly size: number;
}

/**
 * Moves slots between arrays on a device, as runs of two small graphs: ONNX Runtime's C API copies whole buffers alone.
 *
 *   load:   rows[i] = arrays[slot + i]        store:   arrays[slot + i] = rows[i]
 *
 * A store writes the arrays in place, and only in the slots.
 */
export class SlotMoves {
  readonly #load: Session;
  readonly #store: Session;
  readonly #shape: MoveShape;

  static async open(environment: Environment, shape: MoveShape): Promise<SlotMoves> {
    const load = await environment.createSession(loadGraph(shape));
    try {
      return new SlotMoves(load, await environment.createSession(storeGraph(shape)), shape);
    } catch (error) {
      load.dispose();
      throw error;
    }
  }

  private constructor(load: Session, store: Session, shape: MoveShape) {
    this.#load = load;
    this.#store = store;
    this.#shape = shape;
  }

  /** @param rows  for each array, the memory of `count` slots. The caller disposes what is returned. */
  between(arrays: readonly TensorMemory[], rows: readonly TensorMemory[], count: number): BoundMoves {
    const { slots, size } = this.#shape;
    const places = NativeMemory.allocate(4 * count);
    const bindings = [this.#load, this.#store].map((session) => session.createBinding());
    const [load, store] = bindings as [IoBinding, IoBinding];
    const bind = (name: 'bindInput' | 'bindOutput', to: IoBinding, place: string, tensor: OrtTensor<TensorMemory>) =>
      to[name](place, tensor);
    for (const [array, memory] of arrays.entries()) {
      const own = rows[array];
      if (own === undefined) throw new RangeError(`there is no array ${array}`);
      using whole = OrtTensor.over(memory, 'float32', [slots, size]);
      using part = OrtTensor.over(own, 'float32', [count, size]);
      bind('bindInput', load, `array.${array}`, whole);
      bind('bindOutput', load, `rows.${array}`, part);
      bind('bindInput', store, `array.${array}`, whole);
      bind('bindInput', store, `rows.${array}`, part);
      bind('bindOutput', store, `stored.${array}`, whole);
    }
    using flat = OrtTensor.over(places, 'int32', [count]);
    load.bindInput('slots', flat);
    using column = OrtTensor.over(places, 'int32', [count, 1]);
    store.bindInput('slots', column);
    return new BoundMoves({ load, store, places, run: [this.#load, this.#store] });
  }

  dispose(): void {
    this.#load.dispose();
    this.#store.dispose();
  }
}

interface BoundParts {
  readonly load: IoBinding;
  readonly store: IoBinding;
  readonly places: NativeMemory;
  readonly run: readonly [load: Session, store: Session];
}

/** Moves between the same arrays and rows, one at a time. */
export class BoundMoves {
  readonly #parts: BoundParts;

  constructor(parts: BoundParts) {
    this.#parts = parts;
  }

  async load(first: number): Promise<void> {
    this.#place(first);
    await this.#parts.run[0].run(this.#parts.load);
  }

  async store(first: number): Promise<void> {
    this.#place(first);
    await this.#parts.run[1].run(this.#parts.store);
  }

  #place(first: number): void {
    const places = this.#parts.places.int32();
    for (let i = 0; i < places.length; i++) places[i] = first + i;
  }

  dispose(): void {
    const { load, store, places } = this.#parts;
    load.dispose();
    store.dispose();
    places.dispose();
  }
}

export function loadGraph({ arrays, slots, size }: MoveShape): Uint8Array {
  const model = createModel({ graphName: 'load_slots' });
  const places = model.graph.addInput('slots', 'int32', ['count']);
  const tape = new Tape(model);
  for (let i = 0; i < arrays; i++) {
    const array = model.graph.addInput(`array.${i}`, 'float32', [slots, size]);
    model.graph.addOutput(
      tape.op('Gather', [array, places], { attributes: { axis: 0 }, outputName: `rows.${i}`, shape: ['count', size] }),
    );
  }
  return encodeModel(model);
}

/** WHY ScatterElements: ScatterND writes each row by one thread of the device. */
export function storeGraph({ arrays, slots, size }: MoveShape): Uint8Array {
  const model = createModel({ graphName: 'store_slots' });
  const places = model.graph.addInput('slots', 'int32', ['count', 1]);
  const tape = new Tape(model);
  const everywhere = tape.op('Expand', [places, tape.int64s([1, size])], { shape: ['count', size] });
  for (let i = 0; i < arrays; i++) {
    const array = model.graph.addInput(`array.${i}`, 'float32', [slots, size]);
    const rows = model.graph.addInput(`rows.${i}`, 'float32', ['count', size]);
    model.graph.addOutput(
      tape.op('ScatterElements', [array, everywhere, rows], { attributes: { axis: 0 }, outputName: `stored.${i}` }),
    );
  }
  return encodeModel(model);
}
